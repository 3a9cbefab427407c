"""The back office's page of circuit breakers."""

from __future__ import annotations

from django.contrib import admin

from controls.models import Breaker
from oms_site.admin import ConfigAdmin

__all__ = ["BreakerAdmin"]


@admin.register(Breaker)
class BreakerAdmin(ConfigAdmin):
    """When something is halted without anybody asking for it."""

    change_needs = ("config.manage", "control.manage")
    list_display = ("name", "kind", "cusip", "percent", "window_s", "most", "mode", "active")
    list_select_related = ("organization",)
    search_fields = ("name", "cusip")
    ordering = ("name",)
    fields = (
        *("organization", "name", "kind", "cusip", "percent", "window_s", "most"),
        *("mode", "cancels", "active"),
    )
