"""Requests for quotes under an order that is amended: a hit is waited for, the rest is pulled back.

Nothing of new terms is asked of anybody while a dealer decides about a hit. An inquiry that asks
for more than the order would have is ended first; one that still fits goes on, because a hit is
compared with the order's terms when it is made.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from orders import execution
from orders.models import Rfq
from orders.replacing import planning, sending
from orders.revisions.dropping import naming
from orders.revisions.rows import Asked
from orders.rfq import ending, inquiry
from orders.rfq.inquiry import Inquiry
from orders.states import RFQ_OPEN, Amending, RfqStatus
from orders.tree import Tree

WHY = "pulled back: the order is amended"


def go(work: Unit, one: Tree, asked: Asked, *, by: Actor, at: datetime) -> str:
    """Ask for new terms that are cleared: `pending` at venues or dealers, or `replaced`.

    Raises `OmsError` when what is below the order cannot follow.
    """
    row = asked.row
    found = inquiries(work, one)
    if waits(one, found):
        return _wait(work, one, asked, by=by, at=at)
    planning.plan(one, qty=row.order_qty, limit_price=row.limit_price, at=at)
    for each in _too_much(one, found, row.order_qty):
        ending.pull_back(work, each, WHY, by=by, at=at)
    plan = planning.plan(one, qty=row.order_qty, limit_price=row.limit_price, at=at)
    return sending.carry_out(work, one, asked, plan, by=by, at=at)


def inquiries(work: Unit, one: Tree) -> list[Inquiry]:
    """The order's inquiries that are not over, locked; the newest first."""
    named = Rfq.objects.filter(order_id=one.order.id, status__in=sorted(RFQ_OPEN))
    keys = list(named.order_by("id").values_list("id", flat=True))
    held = inquiry.lock(work, {one.order.id: one}, keys) if keys else {}
    return [held[key] for key in sorted(held, reverse=True) if held[key].rfq.is_open]


def waits(one: Tree, found: list[Inquiry]) -> bool:
    """Whether a dealer has something of the order that only it can answer."""
    at_dealers = any(one.working(row) for row in one.live() if row.protocol == planning.RFQ)
    return at_dealers or any(each.rfq.status == RfqStatus.EXECUTING for each in found)


def _wait(work: Unit, one: Tree, asked: Asked, *, by: Actor, at: datetime) -> str:
    row, order = asked.row, one.order
    if order.amending != Amending.SENT:
        order.request_replace(amending=Amending.SENT, qty=row.order_qty, price=row.limit_price)
        body = {**naming(one, row), "reason": "A dealer decides about a hit first."}
        execution.record(
            work, one, "replace_wait", body, msg_type=MsgType.SYSTEM_UPDATE, by=by, at=at
        )
    return "pending"


def _too_much(one: Tree, found: list[Inquiry], qty: Decimal) -> list[Inquiry]:
    """Inquiries that cannot stand beside a smaller quantity, the newest first."""
    order, gone = one.order, list[Inquiry]()
    over = [each for each in found if each.rfq.execution_order_id and ending.owner(each) is None]
    if qty >= order.order_qty:
        return over
    excess = one.committed() - (qty - order.cum_qty)
    for each in found:
        row = ending.owner(each)
        if row is not None and excess > 0:
            gone.append(each)
            excess -= row.leaves_qty
    free = max(-excess, Decimal(0))
    by_hand = [each for each in found if each.rfq.execution_order_id is None]
    return [*over, *gone, *(each for each in by_hand if each.rfq.qty > free)]
