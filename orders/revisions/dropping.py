"""Ends a replacement that changed nothing: refused, withdrawn, or overtaken by its order's end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from controls import reviews
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from orders import execution, held
from orders.models import Replacement
from orders.revisions import rows
from orders.revisions.rows import Asked
from orders.states import ReplaceStatus
from orders.tree import Tree

ENDED = "order_ended"


def drop_with_order(
    work: Unit,
    one: Tree,
    *,
    by: Actor,
    at: datetime,
    how: Callable[..., None] = reviews.withdraw,
) -> None:
    """The order is over: what it was to become is refused, and no review decides about it."""
    asked = rows.outstanding(work, one.order)
    if asked is None:
        return
    also: list[Any] = []
    if asked.row.status == ReplaceStatus.REVIEW:
        also += held.end_review(work, one.order.id, how, at=at)
    reason = f"The order was {one.order.status} first."
    refuse(work, one, asked, code=ENDED, reason=reason, by=by, at=at, also=also)


def refuse(
    work: Unit,
    one: Tree,
    asked: Asked,
    *,
    code: str,
    reason: str,
    by: Actor,
    at: datetime,
    also: Sequence[Any] = (),
) -> None:
    """The order goes on as it was, and whoever asked is told why."""
    changed: list[Any] = [asked.row, *also]
    for leg in asked.open_legs():
        leg.reject(code=code, at=at, text=reason)
        changed.append(leg)
    named = {leg.id for leg in asked.legs}
    for row in one.execution_orders:
        for child in one.venue_orders[row.id]:
            if child.replace_cl_ord_id in named:
                child.refuse_replace(at=at, text=reason)
                changed.append(child)
        if row.pending == "replace":
            row.refuse_replace()
            changed.append(row)
    one.order.refuse_replace()
    asked.row.reject(code=code, reason=reason, at=at)
    body = {**naming(one, asked.row), "code": code, "reason": reason}
    execution.record(
        work,
        one,
        "replace_reject",
        body,
        msg_type=MsgType.SYSTEM_UPDATE,
        also=_once(changed),
        by=by,
        at=at,
    )


def naming(one: Tree, row: Replacement) -> dict[str, Any]:
    """The ids that every event of a replacement carries."""
    return {
        **execution.naming(one),
        "amend_request_id": row.id,
        "client_amend_id": row.client_amend_id,
        "revision": row.revision,
    }


def _once(changed: Sequence[Any]) -> list[Any]:
    return list({id(row): row for row in changed}.values())
