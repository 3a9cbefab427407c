"""How slices and schedules end, and how what still rests at venues is asked to stop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from orders import closing, execution
from orders.models import ExecutionOrder
from orders.schedule_states import ScheduleStatus, SliceStatus
from orders.schedules import rows, telling
from orders.schedules.rows import Book
from orders.states import OrderStatus, Pending
from orders.tree import Tree

TIME_OVER = ("its_time_is_over", "paused_until_its_end")
_ENDED_WITH = {
    OrderStatus.FILLED.value: ("finish", "order_filled"),
    OrderStatus.CANCELED.value: ("cancel", "order_canceled"),
    OrderStatus.REJECTED.value: ("cancel", "order_rejected"),
    OrderStatus.EXPIRED.value: ("expire", "order_expired"),
}


def settle(work: Unit, one: Tree, book: Book, *, by: Actor, at: datetime) -> None:
    """Note of every slice whose execution order has ended whether it was filled or gave back."""
    made = rows.children(one, book)
    for item in book.slices:
        child = made.get(item.id)
        if item.status != SliceStatus.SENT or child is None or not child.is_terminal:
            continue
        if child.status == OrderStatus.FILLED:
            item.fill(at=at)
        else:
            item.give_back(at=at, reason=child.reason or str(child.status))
        body = {
            **telling.slice_naming(one, book.row, item),
            "execution_order_id": child.id,
            "status": str(item.status),
            "reason": item.reason,
        }
        telling.record(
            work,
            one,
            "schedule_slice_end",
            body,
            also=(item,),
            by=by,
            at=at,
            msg_type=MsgType.INTERNAL,
        )


def why(one: Tree, book: Book, *, at: datetime) -> tuple[str, str]:
    """How and why a schedule ends now; empty while it goes on."""
    order, row = one.order, book.row
    if str(order.status) in _ENDED_WITH:
        return _ENDED_WITH[str(order.status)]
    if order.pending == Pending.CANCEL:
        return "cancel", "order_canceled"
    if order.pending == Pending.EXPIRE:
        return "expire", "order_expired"
    if rows.filled(one, book) >= row.qty:
        return "finish", "complete"
    if at < row.end_at:
        return "", ""
    if row.status == ScheduleStatus.PAUSED:
        return "expire", TIME_OVER[1]
    return "finish", TIME_OVER[0]


def pause(work: Unit, one: Tree, book: Book, reason: str, *, by: Actor, at: datetime) -> None:
    """Let no more slices go out; its time goes on, and at its end it is over."""
    book.row.pause(at=at, reason=reason)
    body = {**telling.naming(one, book.row), "reason": reason}
    telling.record(work, one, "schedule_pause", body, also=(book.row,), by=by, at=at)


def end(
    work: Unit, one: Tree, book: Book, how: str, reason: str, *, by: Actor, at: datetime
) -> None:
    """End a schedule by `finish`, `cancel` or `expire`; what it did not send stays on the order."""
    row, left = book.row, book.planned()
    step = {"finish": row.finish, "cancel": row.cancel, "expire": row.expire}[how]
    step(at=at, reason=reason)
    for item in left:
        item.skip(at=at, reason="schedule_over")
    body = {**telling.naming(one, row), "status": str(row.status), "reason": reason}
    telling.record(work, one, "schedule_end", body, also=(row, *left), by=by, at=at)


def stop(
    work: Unit, one: Tree, children: Sequence[ExecutionOrder], *, by: Actor, at: datetime
) -> None:
    """Ask venues to give back what rests of these slices; nobody is asked twice."""
    for child in children:
        if child.pending in (Pending.CANCEL, Pending.EXPIRE):
            continue
        if not execution.stop(work, one, child, pending=Pending.CANCEL.value, by=by, at=at):
            closing.close_execution(work, one, child, "cancel", by=by, at=at, couple=False)
