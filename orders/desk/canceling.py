"""Cancel requests: on orders, and on single execution orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from controls import reviews
from controls.models import Review
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound
from orders import closing, execution, held, tree
from orders.models import ExecutionOrder
from orders.revisions import dropping
from orders.schedules import ending
from orders.schedules import rows as schedules
from orders.schedules.rows import Book
from orders.states import OrderStatus, Pending
from orders.tree import Tree

TOO_LATE, ALREADY_PENDING = 0, 3  # CxlRejReason(102)


@dataclass(frozen=True, slots=True)
class CancelResult:
    """What became of one cancel request: pending, canceled or refused (with CxlRejReason 102)."""

    order_id: str
    cancel_id: str
    outcome: str
    reason: str = ""
    cxl_rej_reason: int | None = None


def cancel(
    order_ids: Sequence[str], *, by: Principal, at: datetime, correlation_id: str = ""
) -> list[CancelResult]:
    """Ask orders to stop. Raises `NotFound` for an order that the caller cannot see.

    What is not at a venue is canceled at once; the rest waits for the venues. A refusal is an
    answer with an event, not an error.
    """
    by.require("order.cancel")
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.check()
        trees = tree.lock(work, order_ids, organization_id=by.organization_id)
        if len(trees) < len(set(order_ids)):
            raise NotFound("order")
        return cancel_in(work, trees, order_ids, by=actor, at=at)


def cancel_in(
    work: Unit, trees: Mapping[str, Tree], order_ids: Sequence[str], *, by: Actor, at: datetime
) -> list[CancelResult]:
    """As `cancel`, in the caller's unit, which has locked the trees and nothing below them."""
    books = schedules.lock(work, order_ids)
    return [
        _cancel(work, trees[order_id], books.get(order_id), by, at, by_name=True)
        for order_id in order_ids
    ]


def stop(order_ids: Sequence[str], *, by: Actor, at: datetime) -> list[CancelResult]:
    """Ask orders to stop on behalf of the house: a halt drains. Who is closed or asked is left."""
    with unit.work(by=by, at=at) as work:
        generation.check()
        trees = tree.lock(work, order_ids)
        open_ = [one for one in trees.values() if not (one.order.is_terminal or _stopping(one))]
        books = schedules.lock(work, [one.order.id for one in open_])
        return [_cancel(work, one, books.get(one.order.id), by, at) for one in open_]


def _stopping(one: Tree | ExecutionOrder) -> bool:
    """Whether it was asked to stop already; one that is being replaced was not."""
    row = one.order if isinstance(one, Tree) else one
    return row.pending in (Pending.CANCEL, Pending.EXPIRE)


def _cancel(
    work: Unit, one: Tree, book: Book | None, by: Actor, at: datetime, *, by_name: bool = False
) -> CancelResult:
    """`by_name`: the answer that comes later names this request. It ends the order's schedule for
    good, whatever venues answer: nothing of an order goes out that somebody wanted to stop.
    """
    order, cancel_id = one.order, ids.prefixed("cr")
    named = {**execution.naming(one), "cancel_request_id": cancel_id}
    refusal = None
    if order.is_terminal:
        refusal = (TOO_LATE, f"The order is {order.status}.")
    elif _stopping(one):
        refusal = (ALREADY_PENDING, "A cancel is already pending.")
    elif one.live():
        order.request_cancel(at=at, request_id=cancel_id if by_name else "")
    execution.record(
        work, one, "cancel_request", named, msg_type=MsgType.SYSTEM_UPDATE, by=by, at=at
    )
    if refusal is not None:
        code, reason = refusal
        body = {**named, "code": code, "reason": reason}
        execution.record(
            work, one, "cancel_reject", body, msg_type=MsgType.SYSTEM_UPDATE, by=by, at=at
        )
        return CancelResult(order.id, cancel_id, "refused", reason, code)
    if book is not None and book.row.is_open:
        ending.settle(work, one, book, by=by, at=at)
        ending.end(work, one, book, "cancel", "order_canceled", by=by, at=at)
    for row in one.live():
        if not execution.stop(work, one, row, pending=Pending.CANCEL.value, by=by, at=at):
            closing.close_execution(work, one, row, "cancel", by=by, at=at, couple=False)
    if one.live():
        return CancelResult(order.id, cancel_id, "pending")
    also: list[Review] = []
    if order.status == OrderStatus.PENDING_APPROVAL:
        also = held.end_review(work, order.id, reviews.withdraw, at=at)
    order.cancel(at=at)
    body = {**named, "reason": closing.why_asked(order, by_name=by_name)}
    execution.record(work, one, "cancel", body, also=also, by=by, at=at)
    dropping.drop_with_order(work, one, by=by, at=at)
    # What was filled before is all there will be: it can be split and booked now.
    closing.allocate_later(work, one, at=at)
    return CancelResult(order.id, cancel_id, "canceled")


def cancel_execution(
    order_id: str, execution_order_id: str, *, by: Principal, at: datetime, correlation_id: str = ""
) -> CancelResult:
    """Ask one execution order to stop. Raises `NotFound` when the caller cannot see it."""
    by.require("order.cancel")
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.check()
        found = tree.lock(work, [order_id], organization_id=by.organization_id).get(order_id)
        rows = [r for r in found.execution_orders if r.id == execution_order_id] if found else []
        if found is None or not rows:
            raise NotFound("execution order")
        return _cancel_execution(work, found, rows[0], actor, at)


def _cancel_execution(
    work: Unit, one: Tree, row: ExecutionOrder, by: Actor, at: datetime
) -> CancelResult:
    cancel_id = ids.prefixed("cr")
    named = {**execution.naming(one, row), "cancel_request_id": cancel_id}
    refusal = None
    if row.is_terminal:
        refusal = (TOO_LATE, f"The execution order is {row.status}.")
    elif _stopping(row):
        refusal = (ALREADY_PENDING, "A cancel is already pending.")
    execution.record(
        work,
        one,
        "execution_order_cancel_request",
        named,
        msg_type=MsgType.SYSTEM_UPDATE,
        by=by,
        at=at,
    )
    if refusal is not None:
        code, reason = refusal
        execution.record(
            work,
            one,
            "execution_order_cancel_reject",
            {**named, "code": code, "reason": reason},
            msg_type=MsgType.SYSTEM_UPDATE,
            by=by,
            at=at,
        )
        return CancelResult(one.order.id, cancel_id, "refused", reason, code)
    pending = Pending.CANCEL.value
    if execution.stop(work, one, row, pending=pending, by=by, at=at, request_id=cancel_id):
        return CancelResult(one.order.id, cancel_id, "pending")
    closing.close_execution(work, one, row, "cancel", by=by, at=at)
    return CancelResult(one.order.id, cancel_id, "canceled")
