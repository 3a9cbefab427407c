"""The back office's pages of give-ups, and of accounts that blocks went on without."""

from __future__ import annotations

from django.contrib import admin

from allocations.models import DroppedAccount, GiveUp
from oms_site.admin import ReadOnlyAdmin
from oms_site.admin.filters import one_of


@admin.register(GiveUp)
class GiveUpAdmin(ReadOnlyAdmin):
    """Booked shares that another firm clears: who asked, who agreed, what the firm answered."""

    list_display = (
        "id",
        "requested_at",
        "kind",
        "status",
        "leg_id",
        "clearing_firm",
        "qty",
        "maker",
        "checker",
        "answered_at",
    )
    list_filter = (one_of("status", GiveUp.Status), one_of("kind", GiveUp.Kind))
    list_select_related = ("clearing_firm", "maker", "checker")
    search_fields = ("id__exact", "leg__id__exact", "allocation__id__exact")
    search_help_text = "Exact give-up, booking or allocation id"
    date_hierarchy = "requested_at"
    ordering = ("-requested_at",)


@admin.register(DroppedAccount)
class DroppedAccountAdmin(ReadOnlyAdmin):
    """Accounts that a control refused while the rest of their block went on."""

    list_display = ("id", "at", "allocation_id", "account", "requested_qty", "code", "reason")
    list_select_related = ("account",)
    search_fields = ("id__exact", "allocation__id__exact", "account__code__exact")
    search_help_text = "Exact id, allocation id or account code"
    date_hierarchy = "at"
    ordering = ("-at", "-id")
