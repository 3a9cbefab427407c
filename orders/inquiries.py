"""The inquiries of one order as the desk shows them: quotes ranked, the best marked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from orders import figures
from orders.models import Order, Quote, QuoteRound, Rfq
from orders.rfq import decisions, layers
from orders.rfq.layers import Layers
from orders.states import QuoteState, RfqStatus
from venues import dealers, instruments


@dataclass(frozen=True)
class Line:
    """One dealer's answer; `best` is the one a person would hit, `worse` breaks the limit.

    `price` is the end client's; `layers` are there for who may see the street's.
    """

    row: Quote
    dealer: str
    price: str
    best: bool
    worse: bool
    live: bool
    layers: Layers | None = None
    counter: str = ""


@dataclass(frozen=True)
class Round:
    """One round of negotiation in words."""

    dealer: str
    asked: str
    outcome: str
    at: datetime


@dataclass(frozen=True)
class Board:
    """One inquiry: its answers, best first, who has not answered, its rounds and decisions."""

    row: Rfq
    lines: list[Line]
    silent: list[str]
    by_hand: bool
    rounds: list[Round]
    log: list[dict[str, Any]]
    marked: bool = False


def boards(order: Order, *, every_layer: bool = False) -> list[Board]:
    """The inquiries of an order, newest first."""
    rows = list(order.rfqs.order_by("-created_at", "-id").prefetch_related("quotes", "rounds"))
    automatic = [row.id for row in rows if row.execution_order_id is not None]
    logs = decisions.of_inquiries(automatic) if automatic else {}
    return [_board(order, row, logs.get(row.id, []), every_layer) for row in rows]


def _board(order: Order, row: Rfq, log: list[dict[str, Any]], every_layer: bool) -> Board:
    facts = instruments.by_id(order.instrument_id)
    sign = 1 if order.side == "buy" else -1

    def place(quote: Quote) -> tuple[bool, bool, Decimal]:
        gone = quote.status not in (QuoteState.ACTIVE, QuoteState.HIT, QuoteState.DONE)
        return gone, quote.price is None, sign * (quote.seen_price or Decimal(0))

    quotes = sorted(row.quotes.all(), key=place)
    live = [q.id for q in quotes if q.status == QuoteState.ACTIVE and not _worse(order, q)]
    asking = row.status == RfqStatus.QUOTING
    lines = [
        Line(
            row=quote,
            dealer=_name(quote.dealer_id),
            price=_shown(quote.seen_price, facts.asset_class) or "pass",
            best=asking and bool(live) and quote.id == live[0],
            worse=_worse(order, quote),
            live=asking and quote.status == QuoteState.ACTIVE,
            layers=layers.stored(quote) if every_layer and quote.user_price is not None else None,
            counter=_shown(quote.counter_price, facts.asset_class),
        )
        for quote in quotes
    ]
    answered = {quote.dealer_id for quote in quotes}
    silent = [_name(dealer) for dealer in row.dealers if dealer not in answered]
    rounds = [_round(one, facts.asset_class) for one in sorted(row.rounds.all(), key=_asked)]
    by_hand, marked = row.execution_order_id is None, any(line.layers for line in lines)
    return Board(row, lines, silent, by_hand, rounds, log, marked)


def _asked(row: QuoteRound) -> tuple[datetime, str]:
    return row.asked_at, row.id


def _round(row: QuoteRound, asset_class: str) -> Round:
    asked = _shown(row.price, asset_class)
    return Round(_name(row.dealer_id), asked, str(row.status), row.asked_at)


def _shown(price: Decimal | None, asset_class: str) -> str:
    return figures.limit(price, asset_class) if price else ""


def _worse(order: Order, quote: Quote) -> bool:
    if order.limit_price is None or quote.seen_price is None:
        return False
    over = quote.seen_price - order.limit_price
    return over > 0 if order.side == "buy" else over < 0


def _name(dealer_id: str) -> str:
    facts = dealers.find(dealer_id)
    return facts.name if facts else dealer_id
