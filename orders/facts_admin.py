"""The back office's pages of what orders came to: money turned into quantity, internal crosses."""

from __future__ import annotations

from django.contrib import admin

from oms_site.admin import ReadOnlyAdmin
from orders.models import Cross, NotionalPart


@admin.register(NotionalPart)
class NotionalPartAdmin(ReadOnlyAdmin):
    """Money of an account turned into a quantity, and what was left over."""

    list_display = (
        "id",
        "at",
        "order",
        "account",
        "currency",
        "notional",
        "price",
        "price_source",
        "qty",
        "principal",
        "residual",
    )
    list_select_related = ("order", "account")
    search_fields = ("id__exact", "order__id__exact", "account__code__exact")
    search_help_text = "Exact id, order id or account code"
    date_hierarchy = "at"
    ordering = ("-at", "-id")


@admin.register(Cross)
class CrossAdmin(ReadOnlyAdmin):
    """Two orders of one organization that traded with each other, and the market at that moment."""

    list_display = (
        "id",
        "crossed_at",
        "instrument",
        "qty",
        "price",
        "bid_px",
        "ask_px",
        "buy_order",
        "sell_order",
        "reason",
    )
    list_select_related = ("instrument", "buy_order", "sell_order")
    search_fields = ("id__exact", "buy_order__id__exact", "sell_order__id__exact")
    search_help_text = "Exact id of the cross or of one of its orders"
    date_hierarchy = "crossed_at"
    ordering = ("-crossed_at", "-id")
