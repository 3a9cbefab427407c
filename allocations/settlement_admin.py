"""The back office's page of standing settlement instructions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin

from allocations.models import StandingInstruction
from oms_site.admin import ConfigAdmin, unfolded


class StandingInstructionForm(unfolded.RowForm):
    """A place for an account of the same organization, or for all of them."""

    def clean(self) -> dict[str, Any] | None:
        """A superuser is offered the accounts of all organizations."""
        given = super().clean() or {}
        account, owner = given.get("account"), given.get("organization")
        if account is not None and owner is not None and account.organization_id != owner.pk:
            self.add_error("account", "This account is of another organization.")
        if "/" in f"{given.get('depository', '')}{given.get('participant', '')}":
            raise forms.ValidationError("A depository and a participant have no slash.")
        return given


@admin.register(StandingInstruction)
class StandingInstructionAdmin(ConfigAdmin):
    """Where trades of an account change hands; an inactive one says that there is no place."""

    form = StandingInstructionForm
    list_display = ("organization", "custodian", "account", "depository", "participant", "active")
    list_filter = ("active", "custodian")
    list_select_related = ("organization", "custodian", "account")
    ordering = ("organization", "custodian", "account")
    fields = (
        "organization",
        "custodian",
        "account",
        "depository",
        "participant",
        "delivery_account",
        "active",
    )
