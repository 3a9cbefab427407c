"""New terms that a second person decides about: looked at again, then sent on or dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from controls.models import Review
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit.errors import OmsError
from orders import execution, rescreen
from orders.models import Order
from orders.replacing import pulling
from orders.rescreen import Looked
from orders.revisions import dropping
from orders.revisions.rows import Asked
from orders.tree import Tree

REFUSED = "rejected_in_review"


def look(order: Order, asked: Asked, *, at: datetime) -> Looked:
    """One more look at the new terms, as they would be now. Raises `OmsError` when it is late."""
    row = asked.row
    if at >= order.expires_at or order.is_terminal:
        raise OmsError("market_closed", "The order's session is over.", status=409)
    if row.order_qty <= order.cum_qty:
        raise OmsError("amount_below_filled", "More than that is filled by now.", status=409)
    (looked,) = rescreen.at_replace([rescreen.asked_of(order, row)], at=at)
    return looked


def settle(
    work: Unit,
    one: Tree,
    asked: Asked,
    review: Review,
    moved: Sequence[Any],
    *,
    approve: bool,
    named: Mapping[str, Any],
    at: datetime,
) -> None:
    """Send the new terms on, or go on with the old ones; `moved` are the rows of the decision."""
    by, row = work.by, asked.row
    if not approve:
        reason = named["annotation"] or "Rejected in review."
        dropping.refuse(work, one, asked, code=REFUSED, reason=reason, by=by, at=at, also=moved)
        return
    row.release()
    work.notes["released"] = [review]
    execution.record(
        work,
        one,
        "replace_approve",
        {**dropping.naming(one, row), **named},
        msg_type=MsgType.SYSTEM_UPDATE,
        also=[row, *moved],
        by=by,
        at=at,
    )
    try:
        pulling.go(work, one, asked, by=by, at=at)
    except OmsError as refusal:
        code, reason = refusal.code, refusal.message
        dropping.refuse(work, one, asked, code=code, reason=reason, by=by, at=at)
