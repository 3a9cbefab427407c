"""Brings a replacement to its end once every venue has answered: the terms that came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from controls.models import Review, Screening
from controls.states import Outcome
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from orders import clearances, closing, terms
from orders.models.execution_order import ReplaceClearance
from orders.replacing import planning
from orders.revisions import dropping, effect
from orders.revisions.rows import Asked
from orders.states import OrderStatus, ReplaceStatus
from orders.tree import Tree

VENUE_REJECTED = "venue_rejected"
AWAY = "amended away"


def finish(
    work: Unit,
    one: Tree,
    asked: Asked,
    *,
    by: Actor,
    at: datetime,
    also: Sequence[Any] = (),
) -> None:
    """Put what was achieved in force, or refuse it when no venue has accepted anything.

    Execution orders that need nobody's answer follow; `also` goes into the event.
    """
    if asked.legs and not any(leg.status == ReplaceStatus.REPLACED for leg in asked.legs):
        told = next((leg for leg in asked.legs if leg.code), asked.legs[0])
        reason = told.text or "The venue refused."
        code = told.code or VENUE_REJECTED
        dropping.refuse(work, one, asked, code=code, reason=reason, by=by, at=at, also=also)
        return
    rows = planning.unworked(one, qty=asked.row.order_qty, limit_price=asked.row.limit_price)
    for step in rows:
        if step.qty <= step.row.cum_qty:
            closing.close_execution(
                work, one, step.row, "cancel", by=by, at=at, reason=AWAY, couple=False
            )
            continue
        cleared = clearance(work, asked)
        step.row.replace(qty=step.qty, limit_price=step.limit_price, cleared=cleared, at=at)
    was_open = not one.order.is_terminal
    effect.put_in_force(
        work,
        one,
        asked,
        qty=max(asked.row.order_qty, one.order.cum_qty + one.committed()),
        limit_price=_limit(one, asked.row.limit_price),
        by=by,
        at=at,
        also=[*(step.row for step in rows if not step.row.ended), *also],
    )
    if was_open and one.order.status == OrderStatus.FILLED:
        # No fill comes any more that would have it split and booked.
        closing.allocate_later(work, one, at=at)


def clearance(work: Unit, asked: Asked) -> ReplaceClearance:
    """What lets the new terms be worked: their passed screening, or its approved review."""
    screening_id, revision = asked.row.screening_id, asked.row.revision
    fresh = [row for row in work.added(Screening) if row.id == screening_id]
    if fresh and fresh[0].outcome == Outcome.PASSED:
        return revision, fresh[0].id, Outcome.PASSED.value, None, None
    assert screening_id is not None
    for review in _decided(work):
        if review.screening_id == screening_id:
            return revision, screening_id, Outcome.FLAGGED.value, review.id, str(review.status)
    found = clearances.of_screening(screening_id)
    assert found is not None, "new terms are sent only once they are cleared"
    return (
        revision,
        found.screening_id,
        found.screening_outcome,
        found.review_id,
        found.review_status,
    )


def _decided(work: Unit) -> list[Review]:
    """Reviews that this unit is deciding, and no query shows as approved yet."""
    return [row for row in work.notes.get("released", ()) if isinstance(row, Review)]


def _limit(one: Tree, wanted: Decimal | None) -> Decimal | None:
    """The limit asked for, unless a venue goes on working at a worse one."""
    order = one.order
    worse = any(terms.worse_limit(order.side, wanted, row.limit_price) for row in one.live())
    return order.limit_price if worse else wanted
