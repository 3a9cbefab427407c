"""The revisions of an order and every attempt to change it, as clients and screens see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from orders import render
from orders.models import Order, OrderTerms, Replacement


def revisions(order: Order) -> list[dict[str, Any]]:
    """The terms that were in force, oldest first, each naming the one before and after it."""
    found: Sequence[OrderTerms] = (
        list(order.terms.order_by("revision")) if order.revision > 1 else ()
    )
    kind = order.amount_type
    rows = [(t.revision, t.order_qty, t.limit_price, t.stop_price, t.since) for t in found]
    if not rows:
        now = (order.order_qty, order.limit_price, order.stop_price, order.created_at)
        rows = [(order.revision, *now)]
    numbers = [row[0] for row in rows]
    return [
        {
            "revision": number,
            "replaces": numbers[n - 1] if n else None,
            "replaced_by": numbers[n + 1] if n + 1 < len(numbers) else None,
            "amount": render.amount(qty, kind),
            "limit_price": _price(limit),
            "stop_price": _price(stop),
            "since": since,
        }
        for n, (number, qty, limit, stop, since) in enumerate(rows)
    ]


def amendments(order: Order) -> list[dict[str, Any]]:
    """Every request to change it, oldest first, with what became of it."""
    if order.revisions_made == 1:
        return []
    rows = order.replacements.select_related("requested_by").order_by("revision")
    return [_amendment(row, order.amount_type) for row in rows]


def asked_for(wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Replacement]:
    """The requests that these revisions of orders come from; the first revision has none."""
    later = {key for key in wanted if key[1] > 1}
    if not later:
        return {}
    rows = Replacement.objects.filter(order_id__in={order_id for order_id, _ in later})
    return {(row.order_id, row.revision): row for row in rows}


def _amendment(row: Replacement, kind: str) -> dict[str, Any]:
    return {
        "amend_request_id": row.id,
        "client_amend_id": row.client_amend_id,
        "revision": row.revision,
        "status": str(row.status),
        "amount": render.amount(row.order_qty, kind),
        "limit_price": _price(row.limit_price),
        "stop_price": _price(row.stop_price),
        "was_amount": render.amount(row.was_qty, kind),
        "was_limit_price": _price(row.was_limit_price),
        "now_amount": None if row.now_qty is None else render.amount(row.now_qty, kind),
        "requested_by": row.requested_by.username,
        "requested_at": row.created_at,
        "closed_at": row.closed_at,
        "annotation": row.annotation or None,
        "code": row.code or None,
        "reason": row.reason or None,
    }


def _price(price: Decimal | None) -> Decimal | None:
    return None if price is None else render.tidy(price)
