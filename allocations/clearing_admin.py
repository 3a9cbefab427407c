"""The back office's pages of clearing parties, and of who clears what."""

from __future__ import annotations

from django.contrib import admin

from allocations.models import ClearingArrangement, ClearingParty
from oms_site.admin import ConfigAdmin


@admin.register(ClearingParty)
class ClearingPartyAdmin(ConfigAdmin):
    """Central counterparties and clearing brokers: shared by all organizations."""

    organization_path = ""
    id_prefix = "clr"
    list_display = ("id", "name", "role", "adapter", "active")
    list_filter = ("role", "active")
    ordering = ("id",)


@admin.register(ClearingArrangement)
class ClearingArrangementAdmin(ConfigAdmin):
    """Who is told of an organization's trades of a class; what has none is settled bilaterally."""

    list_display = ("organization", "asset_class", "party", "member", "active")
    list_filter = ("active", "asset_class", "party")
    list_select_related = ("organization", "party")
    ordering = ("organization", "asset_class", "party")
    fields = ("organization", "asset_class", "party", "member", "active")
