"""A proposal to close positions out as clients and the page of the kill switch see it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from allocations import accounts
from orders.flattening import working
from orders.flattening.sizing import Line
from orders.models import Flatten, FlattenLine, Order
from venues import instruments


def of(organization_id: str) -> QuerySet[Flatten]:
    """An organization's proposals with their people, newest first."""
    rows = Flatten.objects.filter(organization_id=organization_id)
    return rows.select_related("proposed_by", "decided_by", "halt").order_by("-proposed_at", "-id")


def view(row: Flatten) -> dict[str, Any]:
    """What was proposed, how it was decided, and how far it has come."""
    return {
        "flatten_id": row.id,
        "halt_id": row.halt_id,
        "collar_percent": row.collar,
        "reason": row.reason,
        "seen": row.seen,
        "status": "done" if row.done_at else row.decision or "proposed",
        "proposed_by": row.proposed_by.username,
        "proposed_at": row.proposed_at,
        "expires_at": row.expires_at,
        "decided_by": row.decided_by.username if row.decided_by else None,
        "decided_at": row.decided_at,
        "note": row.note or None,
        "done_at": row.done_at,
        "counts": working.counts(row),
    }


def previewed(organization_id: str, found: Iterable[Line]) -> list[dict[str, Any]]:
    """Lines that nobody has proposed yet."""
    return [{**_terms(organization_id, one), "note": one.note or None} for one in found]


def results(row: Flatten) -> list[dict[str, Any]]:
    """Every line with what became of it, in order."""
    lines = list(row.lines.order_by("number"))
    orders = working.made(lines)
    return [_result(row, line, orders.get(line.id)) for line in lines]


def _result(row: Flatten, line: FlattenLine, order: Order | None) -> dict[str, Any]:
    return {
        "number": line.number,
        **_terms(row.organization_id, line),
        "note": line.note or None,
        "outcome": line.outcome or "due",
        "reason": line.reason or None,
        "order_id": order.id if order else None,
        "order_amount": order.order_qty if order else None,
        "filled_amount": order.cum_qty if order else None,
        "order_status": str(order.status) if order else None,
    }


def _terms(organization_id: str, one: Line | FlattenLine) -> dict[str, Any]:
    facts = instruments.by_id(one.instrument_id)
    account = accounts.find_account(organization_id, one.account_id)
    return {
        "account_id": one.account_id,
        "account_code": account.code if account else one.account_id,
        "instrument_id": facts.cusip,
        "description": facts.description,
        "amount_type": facts.amount_type,
        "position": one.position,
        "open_amount": one.open_qty,
        "side": one.side,
        "amount": one.qty,
        "limit_price": one.limit_price,
    }
