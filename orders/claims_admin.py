"""The back office's page of claims: which desk an order that only a venue knew is laid before."""

from __future__ import annotations

from django.contrib import admin

from oms_site.admin import ConfigAdmin
from orders.models import DeskClaim


@admin.register(DeskClaim)
class DeskClaimAdmin(ConfigAdmin):
    """One claim per venue and prefix; the longest prefix that fits counts."""

    list_display = ("venue", "prefix", "desk", "organization", "active")
    list_filter = ("active", "venue")
    list_select_related = ("organization", "venue")
    ordering = ("venue", "prefix")
    fields = ("organization", "venue", "prefix", "desk", "active")
