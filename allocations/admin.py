"""The back office's pages of the client side: allocations, bookings, holdings."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from allocations import booking
from allocations.clearing_admin import ClearingArrangementAdmin as ClearingArrangementAdmin
from allocations.give_up_admin import DroppedAccountAdmin as DroppedAccountAdmin
from allocations.give_up_admin import GiveUpAdmin as GiveUpAdmin
from allocations.matching_admin import MatchingRouteAdmin as MatchingRouteAdmin
from allocations.models import (
    AccountAllocation,
    Allocation,
    BookingConfiguration,
    BookingLeg,
    CashBalance,
    CorporateAction,
    FxRate,
    MarginCall,
    MarginRate,
    Movement,
    Position,
    PostTradeEntry,
    ReleaseRule,
    Repair,
    TaxLot,
    Transaction,
)
from allocations.parties_admin import AccountAdmin as AccountAdmin
from allocations.settlement_admin import StandingInstructionAdmin as StandingInstructionAdmin
from allocations.states import AllocationStatus, LegStatus
from oms_site.admin import ConfigAdmin, ReadOnlyAdmin, access, commands
from oms_site.admin.filters import one_of
from oms_site.journal import actors
from oms_site.kit import clock


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


# --- what accounts hold and owe, and how it came about ---------------------------------------
@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """What accounts hold: the fold of their movements."""

    list_display = ("id", "account_id", "instrument", "qty", "cost", "realized", "moved_at")
    list_select_related = ("instrument",)
    search_fields = ("id__exact", "account_id__exact")
    search_help_text = "Exact position or account id"
    ordering = ("-id",)
    links = (("Tax lots", "allocations_taxlot", "position__id__exact"),)


@admin.register(TaxLot)
class TaxLotAdmin(ReadOnlyAdmin):
    """Shares that came together, and what is left of them."""

    list_display = ("id", "position_id", "acquired", "qty", "cost", "open_qty", "open_cost")
    search_fields = ("id__exact", "position__id__exact")
    search_help_text = "Exact lot or position id"
    ordering = ("-id",)


@admin.register(CashBalance)
class CashBalanceAdmin(ReadOnlyAdmin):
    """Cash as traded, by account and currency."""

    list_display = ("id", "account_id", "currency", "amount", "moved_at")
    search_fields = ("id__exact", "account_id__exact")
    search_help_text = "Exact balance or account id"
    ordering = ("-id",)


@admin.register(Movement)
class MovementAdmin(ReadOnlyAdmin):
    """The ledger of holdings: every movement with what it left."""

    list_display = ("id", "kind", "account_id", "qty", "cash", "currency", "source_id", "at")
    list_filter = (one_of("kind", Movement.Kind),)
    search_fields = ("id__exact", "source_id__exact", "account_id__exact", "order_id__exact")
    search_help_text = "Exact movement, source, account or order id"
    date_hierarchy = "at"
    ordering = ("-id",)


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    """Cash and securities moved by people."""

    list_display = ("id", "kind", "account_id", "amount", "qty", "currency", "decision")
    list_filter = (one_of("kind", Transaction.Kind), "decision")
    search_fields = ("id__exact", "client_transaction_id__exact", "account_id__exact")
    search_help_text = "Exact transaction, client or account id"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(Repair)
class RepairAdmin(ReadOnlyAdmin):
    """Refused bookings that two people sent elsewhere."""

    list_display = ("id", "status", "leg_id", "custodian", "account", "requested_at")
    list_filter = (one_of("status", Repair.Status),)
    list_select_related = ("custodian", "account")
    search_fields = ("id__exact", "leg__id__exact")
    search_help_text = "Exact repair or booking id"
    ordering = ("-requested_at",)


@admin.register(PostTradeEntry)
class PostTradeEntryAdmin(ReadOnlyAdmin):
    """Splits entered after the fact, with who said so and who agreed."""

    list_display = ("id", "status", "order_id", "strategy", "requested_qty", "requested_at")
    list_filter = (one_of("status", PostTradeEntry.Status),)
    search_fields = ("id__exact", "order_id__exact", "client_allocation_id__exact")
    search_help_text = "Exact entry, order or client allocation id"
    date_hierarchy = "requested_at"
    ordering = ("-requested_at",)


@admin.register(CorporateAction)
class CorporateActionAdmin(ReadOnlyAdmin):
    """What issuers did to holdings."""

    list_display = ("id", "kind", "status", "instrument", "record_date", "pay_date", "entitled")
    list_filter = (
        one_of("kind", CorporateAction.Kind),
        one_of("status", CorporateAction.Status),
    )
    list_select_related = ("instrument",)
    search_fields = ("id__exact", "instrument__cusip__exact")
    search_help_text = "Exact action id or CUSIP"
    date_hierarchy = "announced_at"
    ordering = ("-announced_at",)


@admin.register(MarginCall)
class MarginCallAdmin(ReadOnlyAdmin):
    """Accounts that owned less than they must, and when they did again."""

    list_display = ("id", "account_id", "currency", "requirement", "equity", "opened_at", "met_at")
    search_fields = ("id__exact", "account_id__exact")
    search_help_text = "Exact call or account id"
    ordering = ("-opened_at",)


@admin.register(FxRate)
class FxRateAdmin(ReadOnlyAdmin):
    """Rates of currencies, as they were given."""

    list_display = ("id", "base", "quote", "rate", "source", "at")
    search_fields = ("base__exact", "quote__exact")
    ordering = ("-at",)


@admin.register(BookingConfiguration)
class BookingConfigurationAdmin(ReadOnlyAdmin):
    """What custodians are told with every booking, version by version."""

    list_display = ("id", "custodian", "number", "booking_type", "instructions", "active")
    list_filter = ("active", "custodian")
    list_select_related = ("custodian",)
    ordering = ("-id",)


@admin.register(ReleaseRule)
class ReleaseRuleAdmin(ConfigAdmin):
    """When the bookings of matching allocations are let go."""

    list_display = ("name", "organization", "position", "asset_class", "strategy", "release")
    list_filter = ("release", "active")
    list_select_related = ("organization",)
    ordering = ("organization", "position", "id")
    fields = ("organization", "name", "position", "asset_class", "strategy", "release", "active")


@admin.register(MarginRate)
class MarginRateAdmin(ConfigAdmin):
    """How much of its worth an account on margin must own, by asset class."""

    list_display = ("organization", "asset_class", "percent")
    list_select_related = ("organization",)
    ordering = ("organization", "asset_class")
    fields = ("organization", "asset_class", "percent")
