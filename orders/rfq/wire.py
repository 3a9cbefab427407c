"""Inquiries and quotes as clients see them: in answers, events and as evidence."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from orders import render
from orders.models import Quote, Rfq
from venues import dealers


def quote(row: Quote, kind: str) -> dict[str, Any]:
    """One answer of a dealer; a pass has no price."""
    facts = dealers.find(row.dealer_id)
    return {
        "id": row.id,
        "rfq_id": row.rfq_id,
        "dealer_id": row.dealer_id,
        "dealer": facts.name if facts else row.dealer_id,
        "round": row.round,
        "price": _number(row.price),
        "amount": None if row.qty is None else render.amount(row.qty, kind),
        "valid_until": row.valid_until,
        "status": str(row.status),
        "counter_price": _number(row.counter_price),
        "rank": row.rank,
        "received_at": row.received_at,
        "reason": row.reason or None,
    }


def rfq(row: Rfq, kind: str, quotes: Iterable[Quote] = ()) -> dict[str, Any]:
    """An inquiry with its quotes in the order they came."""
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
        "quotes": [quote(one, kind) for one in quotes],
    }


def seen(ranked: Iterable[Quote]) -> list[dict[str, Any]]:
    """What could be hit at one moment, best first: the evidence of a choice."""
    return [
        {"quote_id": one.id, "dealer_id": one.dealer_id, "price": _number(one.price)}
        for one in ranked
    ]


def _number(value: Decimal | None) -> Decimal | None:
    return None if value is None else render.tidy(value)
