"""`/v1/trading/market/`: books, last trades and estimates of one instrument; why orders went where.

Everything is read from the cache of books at this moment; a book that is stale says so.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.kit import numbers
from oms_site.kit.errors import Detail, NotFound, OmsError
from orders import finding
from orders.api import market_schema
from orders.api.base import Endpoint
from orders.models import VenueOrder
from orders.states import VENUE_TERMINAL
from venues import instruments, market_data, orderbook, registry
from venues.instruments import InstrumentFacts
from venues.market_data import views
from venues.models import RoutingDecision
from venues.orderbook import Composite
from venues.tapes import Tapes

MOST_LEVELS = 50
_DEPTH = 20
_MOST_PRINTS = 500
_LONGEST_WINDOW = 4 * 3600


class _Market(Endpoint):
    """What the endpoints of one instrument share."""

    def seen(
        self, instrument_id: str, venue_id: str = ""
    ) -> tuple[InstrumentFacts, Composite, Tapes]:
        """The instrument, its books and tapes, of one venue if it is named. Raises `NotFound`."""
        self.principal.require("order.view")
        facts = instruments.find(instrument_id)
        if facts is None:
            raise NotFound("instrument")
        books = market_data.composite(facts.cusip, at=self.at)
        tapes = market_data.tapes(facts.cusip, at=self.at)
        if venue_id:
            venue = registry.find(venue_id)
            if venue is None:
                raise NotFound("venue")
            held = tuple(book for book in books.books if book.venue_id == venue.id)
            books, tapes = Composite(books.security_id, books.at, held), tapes.of(venue.id)
        return facts, books, tapes


class Market(_Market):
    """The whole market of an instrument at a glance."""

    @extend_schema(
        operation_id="market_retrieve",
        summary="Top of book over all venues",
        description=(
            "The best bid and offer with their yields, each venue's own, the last trade, and the "
            "reference price that controls measure by. Stale books are shown and do not count."
        ),
        responses={200: market_schema.Market, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, instrument_id: str) -> Response:
        return Response(views.unified(*self.seen(instrument_id)))


class MarketBook(_Market):
    """The order book of an instrument."""

    @extend_schema(
        operation_id="market_book",
        summary="Order book",
        description=(
            "`level` 1 is the top, 2 price levels (20 a side unless `depth` says so), 3 every "
            "order with its place in the queue, yours with their `cl_ord_id`. `aggregated=true` "
            "joins venues at one price. `venue_id` is a venue or its MPID."
        ),
        parameters=[
            OpenApiParameter("level", int, enum=[1, 2, 3]),
            OpenApiParameter("depth", int),
            OpenApiParameter("venue_id", str),
            OpenApiParameter("aggregated", bool),
        ],
        responses={200: market_schema.Book, **bricks.errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, instrument_id: str) -> Response:
        asked = request.query_params
        level = _whole(asked.get("level", "2"), "level", least=1, most=3)
        depth = _whole(asked.get("depth", str(_DEPTH)), "depth", least=1, most=MOST_LEVELS)
        facts, books, tapes = self.seen(instrument_id, asked.get("venue_id", ""))
        if level == 1:
            return Response(views.top(facts, books, tapes))
        if level == 2:
            joined = asked.get("aggregated", "") == "true"
            return Response(views.ladder(facts, books, tapes, depth=depth, joined=joined))
        return Response(views.orders(facts, books, tapes, depth=depth, own=self._own(facts)))

    def _own(self, facts: InstrumentFacts) -> dict[str, str]:
        rows = VenueOrder.objects.filter(
            order__instrument_id=facts.id, organization_id=self.principal.organization_id
        ).exclude(status__in=sorted(VENUE_TERMINAL))
        return {name: key for key, name in rows.values_list("id", "venue_order_id") if name}


class MarketTrade(_Market):
    """The last trade of an instrument."""

    @extend_schema(
        operation_id="market_trade",
        summary="Last trade",
        parameters=[OpenApiParameter("venue_id", str)],
        responses={200: market_schema.LastTrade, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, instrument_id: str) -> Response:
        facts, books, tapes = self.seen(instrument_id, request.query_params.get("venue_id", ""))
        last = views.trade(books, tapes)
        return Response({**views.names(facts), "as_of": books.at, "last_trade": last})


class MarketTape(_Market):
    """What has traded in an instrument."""

    @extend_schema(
        operation_id="market_tape",
        summary="Tape and traded volume",
        description=(
            "The last public trades, newest first (`limit`, 50 unless it says so), and the volume "
            "of the day and of the last `window` seconds (300). Live tapes count; a stale one is "
            "told with its reason and its last trades."
        ),
        parameters=[
            OpenApiParameter("venue_id", str),
            OpenApiParameter("limit", int),
            OpenApiParameter("window", int),
        ],
        responses={200: market_schema.Tape, **bricks.errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, instrument_id: str) -> Response:
        asked = request.query_params
        limit = _whole(asked.get("limit", "50"), "limit", least=1, most=_MOST_PRINTS)
        window = _whole(asked.get("window", "300"), "window", least=1, most=_LONGEST_WINDOW)
        facts, _, tapes = self.seen(instrument_id, asked.get("venue_id", ""))
        return Response(
            {
                **views.names(facts),
                "as_of": tapes.at,
                "last_trade": views.trade(Composite(facts.cusip, tapes.at), tapes),
                **views.volume(tapes, window=timedelta(seconds=window)),
                "trades": views.prints(tapes, most=limit),
            }
        )


class MarketEstimate(_Market):
    """What an order would take from the books."""

    @extend_schema(
        operation_id="market_estimate",
        summary="Estimate a fill",
        description="What a sweep of the live books would give at this moment; not a promise.",
        parameters=[
            OpenApiParameter("side", str, required=True, enum=["buy", "sell"]),
            OpenApiParameter("amount", str, required=True),
            OpenApiParameter("limit_price", str),
        ],
        responses={200: market_schema.Estimate, **bricks.errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, instrument_id: str) -> Response:
        self.principal.require("order.view")
        asked = request.query_params
        side = asked.get("side", "")
        if side not in ("buy", "sell"):
            raise _fault("side", "Either buy or sell.")
        qty = _positive(asked.get("amount", ""), "amount")
        text = asked.get("limit_price")
        limit = None if text is None else _positive(text, "limit_price")
        facts, books, _ = self.seen(instrument_id)
        found = orderbook.sweep(books.levels(side), qty=qty, limit=limit, side=side)
        told = views.estimate(found, side=side, qty=qty, mid=books.top().mid)
        return Response({**views.names(facts), "as_of": books.at, **told})


class OrderRouting(Endpoint):
    """Why the parts of an order went where they went."""

    @extend_schema(
        operation_id="order_routing",
        summary="List routing decisions",
        description="Each with the quotes that were seen, every venue's score, and the reason.",
        responses={200: market_schema.RoutingDecisions, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, order_id: str) -> Response:
        order = finding.find(order_id, by=self.principal)
        subjects = list(order.execution_orders.values_list("id", flat=True))
        rows = RoutingDecision.objects.filter(
            subject__in=subjects, organization_id=order.organization_id
        ).order_by("decided_at", "id")
        return Response({"order_id": order.id, "decisions": [_decision(row) for row in rows]})


def _decision(row: RoutingDecision) -> dict[str, Any]:
    return {
        "id": row.id,
        "execution_order_id": row.subject,
        "kind": row.kind,
        "quantity": row.qty,
        "limit_price": row.limit_price,
        "reason": row.reason,
        "slices": row.slices,
        "scores": row.scores,
        "quotes": row.quotes,
        "decided_at": row.decided_at,
    }


def _whole(text: str, field: str, *, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most:
        return int(text)
    raise _fault(field, f"A whole number from {least} to {most}.")


def _positive(text: str, field: str) -> Decimal:
    try:
        number = numbers.parse_decimal(text)
    except numbers.NotADecimal as error:
        raise _fault(field, "A number, such as 1000000 or 99.5.") from error
    if number <= 0:
        raise _fault(field, "More than nothing.")
    return number


def _fault(field: str, text: str) -> OmsError:
    return OmsError("invalid_query", text, details=[Detail(field, "invalid_query", text)])
