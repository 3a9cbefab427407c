"""End of day: orders whose session is over expire, but never before their venues have answered.

A sweep and not a timer: it can be late, doubled or missed without harm.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from controls import reviews
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import closing, execution, held, tree
from orders.models import Order
from orders.revisions import dropping
from orders.states import ORDER_TERMINAL, OrderStatus, Pending
from orders.tree import Tree

_by = actors.system("expiry")
_odd = draining.Aside("expire")


def sweep(*, limit: int = 200) -> int:
    """Expire or begin to expire what is due, in one transaction. Returns how many were taken.

    An order that cannot be expired is left out for a while, with a break; the others expire.
    """
    return draining.safely(
        partial(_sweep, limit),
        lambda order_id: _sweep(1, [], order_id),
        aside=lambda order_id, error: _odd.put(order_id, error, order_id=order_id),
    )


def _sweep(limit: int, taken: list[str], only: str = "") -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.check()
        due = (
            Order._base_manager.select_for_update(no_key=True, skip_locked=True)
            .filter(draining.due("expires_at", at), pending__in=["", Pending.REPLACE.value])
            .filter(**({"id": only} if only else {}))
            # As the index of what is not over says it.
            .exclude(status__in=sorted(ORDER_TERMINAL))
            .exclude(id__in=_odd.keys())
            .order_by("expires_at")[:limit]
        )
        orders = {order.id: work.hold(order) for order in due}
        taken += orders
        at = clock.now()
        for one in tree.below(work, orders).values():
            _expire(work, one, at=at)
    return len(orders)


def _expire(work: Unit, one: Tree, *, at: datetime) -> None:
    order = one.order
    if one.live():
        # Nothing is decided yet: a fill that is on its way still counts (W08).
        order.request_cancel(at=at, pending=Pending.EXPIRE.value)
        execution.record(
            work,
            one,
            "expire_request",
            execution.naming(one),
            msg_type=MsgType.INTERNAL,
            by=_by,
            at=at,
        )
        for row in one.live():
            if not execution.stop(work, one, row, pending=Pending.EXPIRE.value, by=_by, at=at):
                closing.close_execution(work, one, row, "expire", by=_by, at=at)
        return
    also = []
    if order.status == OrderStatus.PENDING_APPROVAL:
        also = held.end_review(work, order.id, reviews.expire, at=at)
    execution.record(
        work,
        one,
        closing.end_of_life(order, at=at),
        {**execution.naming(one), "reason": "end_of_day"},
        also=also,
        by=_by,
        at=at,
    )
    dropping.drop_with_order(work, one, by=_by, at=at, how=reviews.expire)
    closing.allocate_later(work, one, at=at)
