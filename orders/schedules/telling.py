"""The events of schedules: one fact, told with the rows that moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from orders import execution, render
from orders.models import Schedule, ScheduleSlice
from orders.tree import Tree


def naming(one: Tree, row: Schedule) -> dict[str, Any]:
    """The ids that every event of a schedule carries."""
    return {
        **execution.naming(one),
        "schedule_id": row.id,
        "client_schedule_id": row.client_schedule_id,
    }


def slice_naming(one: Tree, row: Schedule, item: ScheduleSlice) -> dict[str, Any]:
    """The ids of a slice, with its number and what was planned."""
    return {
        **naming(one, row),
        "slice": item.number,
        "amount": render.amount(item.qty, one.order.amount_type),
        "due_time": item.due_at,
    }


def record(
    work: Unit,
    one: Tree,
    event_type: str,
    body: dict[str, Any],
    *,
    also: Sequence[Any],
    by: Actor,
    at: datetime,
    msg_type: MsgType = MsgType.SYSTEM_UPDATE,
) -> None:
    """State a fact about a schedule under its order."""
    execution.record(work, one, event_type, body, msg_type=msg_type, also=also, by=by, at=at)
