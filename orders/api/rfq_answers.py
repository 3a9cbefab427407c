"""How requests for quotes are answered: the caller's own layer of prices, all to those who may."""

from __future__ import annotations

from typing import Any

from oms_site.api import envelope
from oms_site.firm.principals import Principal
from oms_site.kit.errors import NotFound, OmsError
from orders.desk.inquiring import AskResult
from orders.models import Order, Rfq
from orders.rfq import wire

EVERY_LAYER = "price.layers"


def view(row: Rfq, *, by: Principal) -> dict[str, Any]:
    """An inquiry with its quotes and rounds; its order is at hand."""
    quotes = sorted(row.quotes.all(), key=lambda quote: (quote.received_at, quote.id))
    rounds = sorted(row.rounds.all(), key=lambda one: (one.asked_at, one.id))
    every = by.may(EVERY_LAYER)
    return wire.rfq(row, row.order.amount_type, quotes, rounds, every_layer=every)


def asked(result: AskResult, order: Order, *, by: Principal) -> dict[str, Any]:
    """What an ask has made; one that made it before has answers already."""
    assert result.row is not None
    if result.replayed:
        result.row.order = order
        return view(result.row, by=by)
    return wire.rfq(result.row, order.amount_type)


def line(order_id: str, error: OmsError | None, name: str, shown: Any) -> dict[str, Any]:
    """One line of a list with its own outcome."""
    if error is not None:
        return {"order_id": order_id, "status": error.status, "error": envelope.body(error)}
    return {"order_id": order_id, "status": 202, name: shown}


def fault(order: Order | None, kind: str) -> OmsError | None:
    """What is wrong with a line before anybody looks at its order; None when nothing is."""
    if order is None:
        return NotFound("order")
    try:
        same_kind(order, kind)
    except OmsError as refusal:
        return refusal
    return None


def same_kind(order: Order, kind: str) -> None:
    """Refuse an amount of another type than the order's. Raises `OmsError`."""
    if kind and kind != order.amount_type:
        raise OmsError("amount_type_differs", f"Give it as {order.amount_type}.", field="amount")
