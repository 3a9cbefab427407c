"""Schedules as clients and screens see them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from orders import extending
from orders.models import ExecutionOrder, Order, Schedule, ScheduleSlice
from orders.render import amount, tidy
from orders.requests import Extension

ZERO = Decimal(0)


def terms(
    row: Schedule, kind: str, *, extension: Extension | msgspec.UnsetType | None = None
) -> dict[str, Any]:
    """What a schedule is to do; it never changes. A known `extension` is not asked for again."""
    extension = extending.kept(row) if extension is None else extension
    return {
        "algorithm": None,
        "venue_parameters": None,
        **extending.told(extension),
        "schedule_id": row.id,
        "client_schedule_id": row.client_schedule_id,
        "order_id": row.order_id,
        "strategy": row.strategy,
        "origin": row.origin,
        "amount": amount(row.qty, kind),
        "start_time": row.start_at,
        "end_time": row.end_at,
        "limit_price": _number(row.limit_price),
        "venue_id": row.venue_id,
        "max_slice": tidy(row.max_slice),
        "max_participation": _number(row.max_participation),
        "urgency": _number(row.urgency),
        "curve": row.curve or None,
        "randomize": _number(row.randomize),
        "seed": row.seed,
        "remainder": row.remainder,
        "completion": row.completion,
        "annotation": row.annotation or None,
        "created_at": row.created_at,
    }


def of_order(order: Order, *, at: datetime) -> list[dict[str, Any]]:
    """The schedules of an order with their slices, newest first: three queries."""
    rows = list(order.schedules.order_by("-created_at", "-id"))
    if not rows:
        return []
    made = {row.id: row for row in order.execution_orders.order_by("id")}
    slices: dict[str, list[ScheduleSlice]] = {row.id: [] for row in rows}
    for item in ScheduleSlice.objects.filter(order_id=order.id).order_by("number"):
        slices[item.schedule_id].append(item)
    return [one(row, slices[row.id], made, kind=order.amount_type, at=at) for row in rows]


def one(
    row: Schedule,
    slices: list[ScheduleSlice],
    made: dict[str, ExecutionOrder],
    *,
    kind: str,
    at: datetime,
) -> dict[str, Any]:
    """A schedule as it stands: `target_amount` is what should have been sent by now."""
    children = [made[item.execution_order_id] for item in slices if item.execution_order_id]
    planned = [item.due_at for item in slices if item.status == "planned"]
    open_ = row.status == "working"
    return {
        **terms(row, kind),
        "status": str(row.status),
        "reason": row.reason or None,
        "paused_at": row.paused_at,
        "ended_at": row.ended_at,
        "next_time": min(planned, default=None) if open_ else None,
        "target_amount": amount(
            sum((item.qty for item in slices if item.due_at <= at), ZERO), kind
        ),
        "filled_amount": amount(sum((child.cum_qty for child in children), ZERO), kind),
        "working_amount": amount(
            sum((child.leaves_qty for child in children if not child.is_terminal), ZERO), kind
        ),
        "slices": [_slice(item, made, kind) for item in slices],
    }


def _slice(item: ScheduleSlice, made: dict[str, ExecutionOrder], kind: str) -> dict[str, Any]:
    child = made.get(item.execution_order_id or "")
    return {
        "number": item.number,
        "due_time": item.due_at,
        "amount": amount(item.qty, kind),
        "status": _status(item, child),
        "reason": item.reason or (child.reason if child else "") or None,
        "execution_order_id": item.execution_order_id,
        "execution_order_status": str(child.status) if child else None,
        "sent_amount": amount(item.sent_qty or ZERO, kind),
        "filled_amount": amount(child.cum_qty if child else ZERO, kind),
    }


def _status(item: ScheduleSlice, child: ExecutionOrder | None) -> str:
    """What became of it by the venue's word, which the slice itself notes at its next look."""
    if item.status == "sent" and child is not None and child.is_terminal:
        return "filled" if child.status == "filled" else "returned"
    return str(item.status)


def _number(value: Decimal | None) -> Decimal | None:
    return None if value is None else tidy(value)
