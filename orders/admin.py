"""The back office's pages of orders, to be read only, and the rules that route them.

The one thing that can be done to an order here is to cancel it, through the desk, like anywhere.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from oms_site.admin import ReadOnlyAdmin, access, commands, unfolded
from oms_site.admin.filters import one_of
from oms_site.kit import clock
from orders import desk, searching
from orders.claims_admin import DeskClaimAdmin
from orders.facts_admin import CrossAdmin, NotionalPartAdmin
from orders.models import (
    AllocationDue,
    Break,
    Execution,
    ExecutionOrder,
    Order,
    Quote,
    Rfq,
    Schedule,
    ScheduleSlice,
    VenueOrder,
)
from orders.requests import SCHEDULED
from orders.ruleset_admin import RulesetAdmin
from orders.schedule_states import ScheduleStatus, SliceStatus
from orders.states import OrderStatus, QuoteState, RfqStatus, VenueStatus
from orders.terms_admin import (
    LayeredAdmin,
    OrderTermsAdmin,
    QuoteRoundAdmin,
    ReplaceLegAdmin,
    ReplacementAdmin,
)
from orders.wheel_admin import BrokerWheelAdmin, HeldReportAdmin, ReportedTradeAdmin
from venues.models import Instrument

__all__ = [
    "BrokerWheelAdmin",
    "CrossAdmin",
    "DeskClaimAdmin",
    "HeldReportAdmin",
    "NotionalPartAdmin",
    "OrderTermsAdmin",
    "QuoteRoundAdmin",
    "ReplaceLegAdmin",
    "ReplacementAdmin",
    "ReportedTradeAdmin",
    "RulesetAdmin",
]


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """What clients asked for, and how far it has come."""

    list_display = (
        "id",
        "created_at",
        "status",
        "side",
        "instrument",
        "order_qty",
        "cum_qty",
        "leaves_qty",
        "limit_price",
        "avg_px",
        "account",
        "submitted_by",
        "ord_type",
        "pending",
    )
    list_filter = (
        one_of("status", OrderStatus),
        one_of("side", ["buy", "sell"]),
        one_of("ord_type", ["limit", "market"], title="order type"),
        one_of("instrument__asset_class", Instrument.AssetClass.values),
        "in_doubt",
    )
    list_select_related = ("instrument", "account", "submitted_by")
    search_fields = (
        "id__exact",
        "client_order_id__exact",
        "instrument__cusip__exact",
        "account__code__exact",
    )
    search_help_text = "Words: ids, CUSIP, trader, account code, words of the annotation"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("cancel_selected",)
    actions_detail = ("cancel",)
    links = (
        ("Execution orders", "orders_executionorder", "order__id__exact"),
        ("Venue orders", "orders_venueorder", "order__id__exact"),
        ("Executions", "orders_execution", "order__id__exact"),
        ("Screenings", "controls_screening", "subject"),
        ("Events", "journal_event", "order_id"),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Words in all of history, by the index of words."""
        if not search_term.strip():
            return queryset, False
        whose = "" if access.is_superuser(request) else access.principal(request).organization_id
        return searching.find(queryset, search_term, organization_id=whose), False

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those whose role may cancel; a superuser only when he has one of them."""
        return access.principal(request).may("order.cancel")

    def offers(self, obj: Any, command: str) -> bool:
        return not (obj.is_terminal or obj.pending)

    def _cancel(self, request: HttpRequest, orders: list[Any]) -> None:
        caller = access.principal(request)

        def one(order: Order) -> commands.Outcome:
            (result,) = desk.cancel(
                [order.id],
                by=caller,
                at=clock.now(),
                correlation_id=access.correlation_id(request),
            )
            said = {
                "canceled": "canceled.",
                "pending": "asked to stop; its venues answer next.",
            }.get(result.outcome, f"{result.outcome}. {result.reason}".strip())
            return commands.Outcome(said, done=result.outcome != "refused")

        commands.each(self, request, orders, one)

    @commands.on_selected("Cancel selected orders", question="Cancel these orders?", needs="cancel")
    def cancel_selected(self, request: HttpRequest, orders: list[Any]) -> None:
        """Ask the ticked orders to stop, each on its own."""
        self._cancel(request, orders)

    @commands.on_one(
        "Cancel order",
        question="What no venue has is canceled at once; the rest stops when the venues say so.",
        needs="cancel",
        icon="cancel",
        variant=unfolded.DANGER,
    )
    def cancel(self, request: HttpRequest, orders: list[Any]) -> None:
        """Ask the order of this page to stop."""
        self._cancel(request, orders)


@admin.register(ExecutionOrder)
class ExecutionOrderAdmin(ReadOnlyAdmin):
    """Instructions under orders."""

    list_display = (
        "id",
        "order_id",
        "status",
        "pending",
        "protocol",
        "strategy",
        "venue",
        "qty",
        "limit_price",
        "cum_qty",
        "leaves_qty",
        "origin",
        "created_at",
    )
    list_filter = (one_of("status", OrderStatus), one_of("origin", ["ruleset", "instruction"]))
    list_select_related = ("venue",)
    search_fields = ("id__exact", "order__id__exact", "client_execution_order_id__exact")
    search_help_text = "Exact id of an execution order or an order"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    links = (
        ("Venue orders", "orders_venueorder", "execution_order__id__exact"),
        ("Executions", "orders_execution", "execution_order__id__exact"),
    )


@admin.register(VenueOrder)
class VenueOrderAdmin(ReadOnlyAdmin):
    """What each venue knows."""

    list_display = (
        "id",
        "order_id",
        "venue",
        "status",
        "pending",
        "in_doubt",
        "qty",
        "limit_price",
        "cum_qty",
        "leaves_qty",
        "last_report_at",
    )
    list_filter = (one_of("status", VenueStatus), "venue", "in_doubt")
    list_select_related = ("venue",)
    search_fields = ("id__exact", "order__id__exact", "venue_order_id__exact")
    search_help_text = "Exact ClOrdID, order id or venue's id"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    links = (("Executions", "orders_execution", "venue_order__id__exact"),)


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """Shares that changed hands."""

    list_display = (
        "exec_id",
        "order_id",
        "kind",
        "source",
        "qty",
        "price",
        "net_money",
        "late",
        "overfill",
        "executed_at",
    )
    list_filter = ("kind", "late", "overfill")
    search_fields = ("id__exact", "order__id__exact", "exec_id__exact")
    search_help_text = "Exact id of an execution or an order, or ExecID"
    date_hierarchy = "executed_at"
    ordering = ("-id",)


@admin.register(Break)
class BreakAdmin(ReadOnlyAdmin):
    """What two parties say differently."""

    list_display = ("id", "kind", "key", "order_id", "opened_at", "closed_at", "resolution")
    list_filter = (("closed_at", admin.EmptyFieldListFilter),)
    search_fields = ("id__exact", "order_id__exact", "key__exact")
    search_help_text = "Exact id of a break or an order, or its key"
    date_hierarchy = "opened_at"
    ordering = ("-opened_at",)


@admin.register(AllocationDue)
class AllocationDueAdmin(ReadOnlyAdmin):
    """Orders whose fills wait to be split."""

    organization_path = "order__organization_id"
    list_display = ("id", "order_id", "due_at")
    ordering = ("due_at",)


@admin.register(Rfq)
class RfqAdmin(ReadOnlyAdmin):
    """Requests for quotes, kept as evidence of best execution."""

    list_display = (
        "id",
        "created_at",
        "status",
        "order",
        "venue",
        "qty",
        "bidding",
        "expires_at",
        "hits",
        "closed_at",
        "reason",
    )
    list_filter = (one_of("status", RfqStatus), one_of("bidding", ["asap", "bin"]))
    list_select_related = ("order", "venue")
    search_fields = ("id__exact", "client_rfq_id__exact", "order__id__exact", "list_id__exact")
    search_help_text = "Exact id of the request, the client's id for it, its order or its list"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    links = (
        ("Quotes", "orders_quote", "rfq__id__exact"),
        ("Events", "journal_event", "order_id"),
    )


@admin.register(Quote)
class QuoteAdmin(LayeredAdmin):
    """What dealers answered, the losers with their rank."""

    street = frozenset(["price", "ib_price"])
    list_display = (
        "id",
        "quoted_at",
        "status",
        "rfq",
        "dealer",
        "round",
        "seen_price",
        "qty",
        "valid_until",
        "rank",
        "reason",
    )
    list_filter = (one_of("status", QuoteState),)
    list_select_related = ("rfq", "dealer")
    search_fields = ("id__exact", "rfq__id__exact", "quote_ref__exact", "dealer__id__exact")
    search_help_text = "Exact id of the quote, its request, the dealer's reference or the dealer"
    date_hierarchy = "quoted_at"
    ordering = ("-quoted_at",)


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """How orders are worked over time."""

    list_display = (
        "id",
        "created_at",
        "status",
        "order",
        "strategy",
        "qty",
        "start_at",
        "end_at",
        "next_at",
        "reason",
    )
    list_filter = (one_of("status", ScheduleStatus), one_of("strategy", SCHEDULED))
    list_select_related = ("order",)
    search_fields = ("id__exact", "client_schedule_id__exact", "order__id__exact")
    search_help_text = "Exact id of the schedule, the client's id for it, or its order"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    links = (
        ("Slices", "orders_scheduleslice", "schedule__id__exact"),
        ("Events", "journal_event", "order_id"),
    )


@admin.register(ScheduleSlice)
class ScheduleSliceAdmin(ReadOnlyAdmin):
    """What was due when, and what became of it."""

    list_display = (
        "id",
        "schedule",
        "number",
        "due_at",
        "qty",
        "status",
        "sent_qty",
        "execution_order",
        "reason",
    )
    list_filter = (one_of("status", SliceStatus),)
    list_select_related = ("schedule", "execution_order")
    search_fields = ("id__exact", "schedule__id__exact", "order__id__exact")
    search_help_text = "Exact id of the slice, its schedule or its order"
    date_hierarchy = "due_at"
    ordering = ("-due_at",)
