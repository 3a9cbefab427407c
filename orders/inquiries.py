"""The inquiries of one order as the desk shows them: quotes ranked, the best marked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orders import figures
from orders.models import Order, Quote, Rfq
from orders.states import QuoteState, RfqStatus
from venues import dealers, instruments


@dataclass(frozen=True)
class Line:
    """One dealer's answer; `best` is the one a person would hit, `worse` breaks the limit."""

    row: Quote
    dealer: str
    price: str
    best: bool
    worse: bool
    live: bool


@dataclass(frozen=True)
class Board:
    """One inquiry: its answers, best first, and who has not answered."""

    row: Rfq
    lines: list[Line]
    silent: list[str]
    by_hand: bool


def boards(order: Order) -> list[Board]:
    """The inquiries of an order, newest first."""
    rows = order.rfqs.order_by("-created_at", "-id").prefetch_related("quotes")
    return [_board(order, row) for row in rows]


def _board(order: Order, row: Rfq) -> Board:
    facts = instruments.by_id(order.instrument_id)
    sign = 1 if order.side == "buy" else -1

    def place(quote: Quote) -> tuple[bool, bool, Decimal]:
        gone = quote.status not in (QuoteState.ACTIVE, QuoteState.HIT, QuoteState.DONE)
        return gone, quote.price is None, sign * (quote.price or Decimal(0))

    quotes = sorted(row.quotes.all(), key=place)
    live = [q.id for q in quotes if q.status == QuoteState.ACTIVE and not _worse(order, q)]
    asking = row.status == RfqStatus.QUOTING
    lines = [
        Line(
            row=quote,
            dealer=_name(quote.dealer_id),
            price=figures.limit(quote.price, facts.asset_class) if quote.price else "pass",
            best=asking and bool(live) and quote.id == live[0],
            worse=_worse(order, quote),
            live=asking and quote.status == QuoteState.ACTIVE,
        )
        for quote in quotes
    ]
    answered = {quote.dealer_id for quote in quotes}
    silent = [_name(dealer) for dealer in row.dealers if dealer not in answered]
    return Board(row, lines, silent, row.execution_order_id is None)


def _worse(order: Order, quote: Quote) -> bool:
    if order.limit_price is None or quote.price is None:
        return False
    over = quote.price - order.limit_price
    return over > 0 if order.side == "buy" else over < 0


def _name(dealer_id: str) -> str:
    facts = dealers.find(dealer_id)
    return facts.name if facts else dealer_id
