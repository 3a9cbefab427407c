"""The back office's pages of changed terms and of negotiations with dealers; to be read only."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from oms_site.admin import ReadOnlyAdmin, access
from oms_site.admin.filters import one_of
from orders.models import OrderTerms, QuoteRound, ReplaceLeg, Replacement
from orders.states import ReplaceStatus, RoundState


class LayeredAdmin(ReadOnlyAdmin):
    """A ledger of prices, of which clients see their own layer: others are left out for them."""

    street: ClassVar[frozenset[str]] = frozenset()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        parts = super().get_fieldsets(request, obj)
        if access.principal(request).may("price.layers"):
            return parts
        return [
            (title, {"fields": [name for name in part["fields"] if name not in self.street]})
            for title, part in parts
        ]


@admin.register(OrderTerms)
class OrderTermsAdmin(ReadOnlyAdmin):
    """The terms of every revision of an order, from when they were in force."""

    list_display = (
        "id",
        "order_id",
        "revision",
        "order_qty",
        "limit_price",
        "stop_price",
        "since",
    )
    search_fields = ("id__exact", "order__id__exact")
    search_help_text = "Exact id of an order or of its terms"
    date_hierarchy = "since"
    ordering = ("-since", "-revision")


@admin.register(Replacement)
class ReplacementAdmin(ReadOnlyAdmin):
    """Every request to change an order's terms, and what became of it."""

    list_display = (
        "id",
        "created_at",
        "status",
        "order_id",
        "revision",
        "was_qty",
        "order_qty",
        "now_qty",
        "was_limit_price",
        "limit_price",
        "now_limit_price",
        "requested_by",
        "code",
        "reason",
    )
    list_filter = (one_of("status", ReplaceStatus),)
    list_select_related = ("requested_by",)
    search_fields = ("id__exact", "order__id__exact", "client_amend_id__exact")
    search_help_text = "Exact id of the request, the client's id for it, or its order"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    links = (
        ("Legs", "orders_replaceleg", "replacement__id__exact"),
        ("Events", "journal_event", "order_id"),
    )


@admin.register(ReplaceLeg)
class ReplaceLegAdmin(ReadOnlyAdmin):
    """What each venue had to answer of such a request."""

    list_display = (
        "id",
        "created_at",
        "status",
        "order_id",
        "venue_order_id",
        "orig_cl_ord_id",
        "emulated",
        "was_qty",
        "qty",
        "now_qty",
        "limit_price",
        "answered_at",
        "code",
        "text",
    )
    list_filter = (one_of("status", ReplaceStatus), "emulated")
    search_fields = (
        "id__exact",
        "order__id__exact",
        "venue_order__id__exact",
        "replacement__id__exact",
    )
    search_help_text = "Exact ClOrdID of the leg, its order, venue order or request"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(QuoteRound)
class QuoteRoundAdmin(LayeredAdmin):
    """What dealers were asked for instead of their quotes, and what they answered."""

    street = frozenset(["street_price"])
    list_display = (
        "id",
        "asked_at",
        "status",
        "rfq",
        "dealer",
        "number",
        "price",
        "asked_by",
        "answered_at",
        "reason",
    )
    list_filter = (one_of("status", RoundState),)
    list_select_related = ("rfq", "dealer", "asked_by")
    search_fields = ("id__exact", "rfq__id__exact", "quote__id__exact", "dealer__id__exact")
    search_help_text = "Exact id of the round, its request, its quote or the dealer"
    date_hierarchy = "asked_at"
    ordering = ("-asked_at",)
