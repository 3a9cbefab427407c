"""The back office's pages of matching services, and of which trades are matched where."""

from __future__ import annotations

from django import forms
from django.contrib import admin

from allocations.matching import services
from allocations.models import MatchingRoute, MatchingService
from oms_site.admin import ConfigAdmin, unfolded


class MatchingServiceForm(unfolded.RowForm):
    """A service that somebody can speak to."""

    def clean_adapter(self) -> str:
        """One of the folders there are."""
        given = str(self.cleaned_data["adapter"])
        if given not in services.names():
            known = ", ".join(services.names())
            raise forms.ValidationError(f"There is no adapter {given}: give one of {known}.")
        return given


@admin.register(MatchingService)
class MatchingServiceAdmin(ConfigAdmin):
    """Central matching services: shared by all organizations."""

    organization_path = ""
    id_prefix = "svc"
    form = MatchingServiceForm
    list_display = ("id", "name", "adapter", "active")
    list_filter = ("adapter", "active")
    ordering = ("id",)


@admin.register(MatchingRoute)
class MatchingRouteAdmin(ConfigAdmin):
    """Which trades go to which service; the rest is confirmed with its custodian."""

    list_display = (
        *("organization", "position", "name", "counterparty", "custodian", "asset_class"),
        *("service", "active"),
    )
    list_filter = ("active", "service")
    list_select_related = ("organization", "custodian", "service")
    ordering = ("organization", "position", "id")
    fields = (
        *("organization", "name", "position", "counterparty", "custodian", "asset_class"),
        *("service", "active"),
    )
