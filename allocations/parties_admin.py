"""The back office's pages of whom we trade for: accounts, their groups, brokers and custodians."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.http import HttpRequest

from allocations import fees
from allocations.models import Account, Custodian, IntroducingBroker, RiskGroup
from oms_site.admin import ConfigAdmin, unfolded
from oms_site.kit import currencies
from oms_site.kit.errors import OmsError


class AccountForm(unfolded.RowForm):
    """An account whose risk group is of its own organization, or a sleeve of one."""

    def clean_currencies(self) -> list[str]:
        """Currencies by their three letters, as money names them."""
        given = [one.strip().upper() for one in self.cleaned_data["currencies"] or []]
        for one in given:
            if not currencies.is_known(one):
                raise forms.ValidationError(
                    f"{one} is no currency of ISO 4217: three letters.", code="currency"
                )
        return given

    def clean(self) -> dict[str, Any] | None:
        """A superuser is offered the groups and accounts of all organizations."""
        given = super().clean() or {}
        group, owner = given.get("risk_group"), given.get("organization")
        if group is not None and owner is not None and group.organization_id != owner.pk:
            self.add_error("risk_group", "This risk group is of another organization.")
        above = self.instance.sleeve_of if self.instance.sleeve_of_id else given.get("sleeve_of")
        if above is not None:
            self._check_sleeve(above, given)
        return given

    def _check_sleeve(self, above: Account, given: dict[str, Any]) -> None:
        """What the database would refuse, said field by field."""
        owner, custodian = given.get("organization"), given.get("custodian")
        if owner is not None and above.organization_id != owner.pk:
            self.add_error("sleeve_of", "This account is of another organization.")
        if above.sleeve_of_id is not None:
            self.add_error("sleeve_of", "This account is a sleeve itself: they have no sleeves.")
        if custodian is not None and above.custodian_id != custodian.pk:
            self.add_error("custodian", f"A sleeve is where {above.code} is: {above.custodian}.")
        if "currency" in given and given["currency"] != above.currency:
            self.add_error("currency", f"A sleeve has the currency of {above.code}.")


@admin.register(Account)
class AccountAdmin(ConfigAdmin):
    """Client accounts and their sleeves. They are closed, never deleted.

    A sleeve is made as one and stays so; where its account moves to, it goes.
    """

    id_prefix = "acc"
    form = AccountForm
    formfield_overrides: ClassVar[Any] = {
        **ConfigAdmin.formfield_overrides,
        ArrayField: {"widget": unfolded.TextWidget},
    }
    list_display = (
        "code",
        "name",
        "sleeve_of",
        "organization",
        "custodian",
        "risk_group",
        "currency",
        "status",
    )
    list_filter = ("status", "account_type")
    list_select_related = ("organization", "custodian", "risk_group", "sleeve_of")
    search_fields = ("id", "code", "name")
    ordering = ("code", "id")
    fields = (
        "id",
        "organization",
        "code",
        "name",
        "account_type",
        "categories",
        "sleeve_of",
        "custodian",
        "risk_group",
        "currency",
        "currencies",
        "status",
        "lot_relief",
        "converts",
        "margin",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if obj is None else [*fixed, self.shown("sleeve_of")]


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


class IntroducingBrokerForm(unfolded.RowForm):
    """A broker whose parent is of its own organization and none of its branches."""

    def clean(self) -> dict[str, Any] | None:
        """A superuser is offered the brokers of all organizations."""
        given = super().clean() or {}
        above, owner = given.get("parent"), given.get("organization") or self.instance.organization
        if above is not None and above.organization_id != owner.pk:
            self.add_error("parent", "This broker is of another organization.")
        while above is not None:
            if above.pk == self.instance.pk:
                self.add_error("parent", "It is a branch of this broker itself.")
                break
            above = above.parent
        return given


@admin.register(IntroducingBroker)
class IntroducingBrokerAdmin(ConfigAdmin):
    """Brokers that bring clients."""

    id_prefix = "ib"
    form = IntroducingBrokerForm
    list_display = ("id", "name", "parent", "organization")
    list_select_related = ("organization", "parent")
    search_fields = ("id", "name")
    ordering = ("name", "id")
    fields = ("id", "organization", "name", "parent")


@admin.register(Custodian)
class CustodianAdmin(ConfigAdmin):
    """Where trades are booked; all organizations share them."""

    organization_path = ""
    list_display = ("id", "name", "adapter", "active")
    list_filter = ("active",)
    search_fields = ("id", "name")
    ordering = ("id",)
    fields = ("id", "name", "adapter", "active", "desk", "keep_files_days")
