"""The back office's pages of the client side: accounts and their fees, allocations, bookings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from allocations import booking, fees
from allocations.models import (
    Account,
    AccountAllocation,
    Allocation,
    BookingLeg,
    Custodian,
    IntroducingBroker,
    RiskGroup,
)
from allocations.states import AllocationStatus, LegStatus
from oms_site.admin import ConfigAdmin, ReadOnlyAdmin, access, commands, unfolded
from oms_site.admin.filters import one_of
from oms_site.journal import actors
from oms_site.kit import clock
from oms_site.kit.errors import OmsError


class AccountForm(unfolded.RowForm):
    """An account whose risk group is of its own organization."""

    def clean(self) -> dict[str, Any] | None:
        """A superuser is offered the groups of all organizations."""
        given = super().clean() or {}
        group, owner = given.get("risk_group"), given.get("organization")
        if group is not None and owner is not None and group.organization_id != owner.pk:
            self.add_error("risk_group", "This risk group is of another organization.")
        return given


@admin.register(Account)
class AccountAdmin(ConfigAdmin):
    """Client accounts. They are closed, never deleted."""

    id_prefix = "acc"
    form = AccountForm
    list_display = ("code", "name", "organization", "custodian", "risk_group", "currency", "status")
    list_filter = ("status",)
    list_select_related = ("organization", "custodian", "risk_group")
    search_fields = ("id", "code", "name")
    ordering = ("code", "id")
    fields = (
        "id",
        "organization",
        "code",
        "name",
        "custodian",
        "risk_group",
        "currency",
        "status",
    )


class RiskGroupForm(unfolded.RowForm):
    """Fees that can be charged."""

    def clean_fees(self) -> Any:
        """What intake would refuse at the first order is refused here."""
        given = self.cleaned_data["fees"] or []
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise forms.ValidationError("A list of fee objects.", code="fees")
        try:
            fees.parse(given)
        except OmsError as error:
            faults = [f"{fault.field}: {fault.message}" for fault in error.details]
            raise forms.ValidationError(faults or [error.message], code="fees") from error
        return given


@admin.register(RiskGroup)
class RiskGroupAdmin(ConfigAdmin):
    """Cohorts of accounts with the same fees."""

    form = RiskGroupForm
    id_prefix = "rg"
    list_display = ("id", "name", "organization")
    list_select_related = ("organization",)
    search_fields = ("id", "name")
    ordering = ("name", "id")
    fields = ("id", "organization", "name", "fees")


@admin.register(IntroducingBroker)
class IntroducingBrokerAdmin(ConfigAdmin):
    """Brokers that bring clients."""

    id_prefix = "ib"
    list_display = ("id", "name", "organization")
    list_select_related = ("organization",)
    search_fields = ("id", "name")
    ordering = ("name", "id")
    fields = ("id", "organization", "name")


@admin.register(Custodian)
class CustodianAdmin(ConfigAdmin):
    """Where trades are booked; all organizations share them."""

    organization_path = ""
    list_display = ("id", "name", "adapter", "active")
    list_filter = ("active",)
    search_fields = ("id", "name")
    ordering = ("id",)
    fields = ("id", "name", "adapter", "active")


@admin.register(Allocation)
class AllocationAdmin(ReadOnlyAdmin):
    """How the fills of orders are split."""

    list_display = (
        "id",
        "order_id",
        "status",
        "strategy",
        "instrument",
        "side",
        "requested_qty",
        "actual_qty",
        "complete",
        "created_at",
    )
    list_filter = (one_of("status", AllocationStatus), "implicit", "complete")
    list_select_related = ("instrument",)
    search_fields = ("id__exact", "order_id__exact", "client_allocation_id__exact")
    search_help_text = "Exact allocation, order or client allocation id"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    links = (
        ("Accounts", "allocations_accountallocation", "allocation__id__exact"),
        ("Bookings", "allocations_bookingleg", "allocation__id__exact"),
    )


@admin.register(AccountAllocation)
class AccountAllocationAdmin(ReadOnlyAdmin):
    """What each account asked for, and got."""

    list_display = ("id", "allocation_id", "account", "requested_qty", "actual_qty")
    list_select_related = ("account",)
    search_fields = ("id__exact", "allocation__id__exact", "account__code__exact")
    search_help_text = "Exact id, allocation id or account code"
    ordering = ("-id",)
    links = (("Bookings", "allocations_bookingleg", "account_allocation__id__exact"),)


@admin.register(BookingLeg)
class BookingLegAdmin(ReadOnlyAdmin):
    """Bookings at custodians; those that wait for a person can be tried again."""

    list_display = (
        "id",
        "status",
        "custodian",
        "qty",
        "price",
        "net_money",
        "settlement_date",
        "attempts",
        "code",
        "booking_ref",
    )
    list_filter = (one_of("status", LegStatus), "custodian")
    list_select_related = ("custodian",)
    search_fields = ("id__exact", "allocation__id__exact", "booking_ref__exact")
    search_help_text = "Exact booking id, allocation id or custodian's reference"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("retry_selected",)
    actions_detail = ("retry",)

    def has_repair_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Operations repair bookings; a superuser does not, unless he has the role."""
        return access.principal(request).may("booking.repair")

    def offers(self, obj: Any, command: str) -> bool:
        return obj.status in {LegStatus.REJECTED, LegStatus.FAILED}

    def _retry(self, request: HttpRequest, legs: list[Any]) -> None:
        caller = access.principal(request)
        caller.require("booking.repair")

        def one(leg: BookingLeg) -> commands.Outcome:
            booking.retry(
                [leg.id],
                organization_id=caller.organization_id,
                by=actors.person(caller, access.correlation_id(request)),
                at=clock.now(),
            )
            return commands.Outcome("queued again, with the same key.")

        commands.each(self, request, legs, one)

    @commands.on_selected(
        "Retry selected bookings",
        question="Send these bookings to their custodians once more, with the same keys?",
        needs="repair",
    )
    def retry_selected(self, request: HttpRequest, legs: list[Any]) -> None:
        """Queue the ticked bookings again."""
        self._retry(request, legs)

    @commands.on_one(
        "Retry booking",
        question="It is sent once more with the same key, so it cannot be booked twice.",
        needs="repair",
        icon="replay",
    )
    def retry(self, request: HttpRequest, legs: list[Any]) -> None:
        """Queue the booking of this page again."""
        self._retry(request, legs)
