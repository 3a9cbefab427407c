"""Inquiries and quotes as clients see them: in answers, events and as evidence."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from orders import render
from orders.models import Quote, QuoteRound, Rfq
from orders.rfq import layers
from venues import dealers


def quote(row: Quote, kind: str, *, every_layer: bool = False) -> dict[str, Any]:
    """One answer of a dealer; a pass has no price.

    `price` is the end client's, markups included; the other layers are for those who may see them.
    """
    shown = _quote(row, kind)
    if every_layer:
        shown["price_layers"] = _layers(row)
    return shown


def _quote(row: Quote, kind: str) -> dict[str, Any]:
    facts = dealers.find(row.dealer_id)
    return {
        "id": row.id,
        "rfq_id": row.rfq_id,
        "dealer_id": row.dealer_id,
        "dealer": facts.name if facts else row.dealer_id,
        "round": row.round,
        "price": _number(row.seen_price),
        "amount": None if row.qty is None else render.amount(row.qty, kind),
        "valid_until": row.valid_until,
        "status": str(row.status),
        "counter_price": _number(row.counter_price),
        "rank": row.rank,
        "received_at": row.received_at,
        "reason": row.reason or None,
    }


def _layers(row: Quote) -> dict[str, Any] | None:
    seen = layers.stored(row)
    if seen is None:
        return None
    return {
        "street": _number(seen.street),
        "introducing_broker": _number(seen.ib),
        "user": _number(seen.user),
    }


def negotiation(row: QuoteRound) -> dict[str, Any]:
    """What we asked a dealer for instead of its quote, and what it answered."""
    return {
        "id": row.id,
        "dealer_id": row.dealer_id,
        "round": row.number,
        "quote_id": row.quote_id,
        "price": _number(row.price),
        "outcome": str(row.status),
        "answer_quote_id": row.answer_id,
        "asked_at": row.asked_at,
        "answered_at": row.answered_at,
        "reason": row.reason or None,
    }


def rfq(
    row: Rfq,
    kind: str,
    quotes: Iterable[Quote] = (),
    rounds: Iterable[QuoteRound] = (),
    *,
    every_layer: bool = False,
) -> dict[str, Any]:
    """An inquiry with its quotes in the order they came, and every round of negotiation."""
    return {
        "id": row.id,
        "rfq_id": row.id,
        "order_id": row.order_id,
        "execution_order_id": row.execution_order_id,
        "client_rfq_id": row.client_rfq_id,
        "list_rfq_id": row.list_id or None,
        "amount": render.amount(row.qty, kind),
        "bidding": row.bidding,
        "dealers": list(row.dealers),
        "due_time": row.due_at,
        "expire_time": row.expires_at,
        "status": str(row.status),
        "created_at": row.created_at,
        "closed_at": row.closed_at,
        "reason": row.reason or None,
        "quotes": [quote(one, kind, every_layer=every_layer) for one in quotes],
        "negotiations": [negotiation(one) for one in rounds],
    }


def seen(ranked: Iterable[Quote]) -> list[dict[str, Any]]:
    """What could be hit at one moment, best first: the evidence of a choice."""
    return [
        {"quote_id": one.id, "dealer_id": one.dealer_id, "price": _number(one.seen_price)}
        for one in ranked
    ]


def _number(value: Decimal | None) -> Decimal | None:
    return None if value is None else render.tidy(value)
