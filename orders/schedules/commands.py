"""What people ask of schedules: to start one on an order, pause it, go on, or stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import IntegrityError

from controls.models import Screening
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit.errors import NotFound, OmsError
from orders import clearances, execution, rescreen, tickets, tree
from orders.models import Schedule
from orders.requests import Scheduled, fingerprint
from orders.rescreen import Part
from orders.schedule_states import ScheduleStatus
from orders.schedules import checking, ending, rows, starting, telling
from orders.schedules.rows import Book
from orders.tree import Tree

ROUTE, CANCEL = "order.route", "order.cancel"
_UNIQUE = "client_schedule_id_for_ever"


@dataclass(slots=True)
class Started:
    """The schedule made, or the refusal; `replayed` when the client's id had made it before."""

    row: Schedule | None = None
    error: OmsError | None = None
    replayed: bool = False


def start(
    order_id: str, asked: Scheduled, *, by: Principal, at: datetime, correlation_id: str = ""
) -> Started:
    """Work a staged order, or what is free of it, by a schedule.

    Raises `NotFound` when the caller cannot see the order. All of it passes the gate now and every
    slice does again. A client id used before answers with what it made then, or 409.
    """
    by.require(ROUTE)
    tickets.renew_prices([order_id], by=by)
    try:
        return _start(order_id, asked, by=by, at=at, correlation_id=correlation_id)
    except IntegrityError as clash:
        if _UNIQUE not in str(clash):
            raise
        # Its twin on another order has just been committed.
        return _start(order_id, asked, by=by, at=at, correlation_id=correlation_id)


def _start(
    order_id: str, asked: Scheduled, *, by: Principal, at: datetime, correlation_id: str
) -> Started:
    actor, mark = actors.person(by, correlation_id), fingerprint(asked)
    with unit.work(by=actor, at=at) as work:
        generation.enter()
        one = tree.lock(work, [order_id], organization_id=by.organization_id).get(order_id)
        if one is None:
            raise NotFound("order")
        known = _known(by.organization_id, asked.client_schedule_id)
        if known is not None:
            return _replay(known, order_id, mark)
        kept: tuple[Screening, ...] = ()
        try:
            plan = checking.plan(one, asked, at=at)
            if order_id not in clearances.of([one.order]):
                raise clearances.why_not(one.order)
            whole = msgspec.structs.replace(asked, qty=plan.qty)
            look = rescreen.at_execution([Part(order_id, one.order, whole, by)], at=at)[order_id]
            kept = rescreen.evidence(look)
            if look.refused:
                raise look.error()
        except OmsError as refusal:
            _refuse(work, one, asked, refusal, kept)
            return Started(error=refusal)
        book = starting.start(
            work,
            one,
            asked,
            plan,
            origin="request",
            requested_by_id=by.user_id,
            fingerprint=mark,
            evidence=kept,
            by=actor,
            at=at,
        )
    return Started(row=book.row)


def pause(
    order_id: str,
    *,
    by: Principal,
    at: datetime,
    cancel_resting: bool = False,
    correlation_id: str = "",
) -> Schedule:
    """Send no new slices. What rests at venues is kept, or asked to stop with `cancel_resting`.

    One that is paused already stays so. Raises `NotFound`, and `OmsError` 409 `no_open_schedule`.
    """
    by.require(CANCEL)

    def change(work: Unit, one: Tree, book: Book) -> None:
        if cancel_resting:
            ending.stop(work, one, rows.live(one, book), by=work.by, at=at)
        if book.row.status == ScheduleStatus.WORKING:
            ending.pause(work, one, book, "requested", by=work.by, at=at)

    return _change(order_id, change, by=by, at=at, correlation_id=correlation_id)


def resume(order_id: str, *, by: Principal, at: datetime, correlation_id: str = "") -> Schedule:
    """Go on with a paused schedule: what was missed is caught up slice by slice, never at once.

    One that is working goes on working. Raises as `pause` does.
    """
    by.require(ROUTE)

    def change(work: Unit, one: Tree, book: Book) -> None:
        if book.row.status != ScheduleStatus.PAUSED:
            return
        book.row.resume(next_at=book.next_at())
        body = {**telling.naming(one, book.row), "next_time": book.row.next_at}
        telling.record(work, one, "schedule_resume", body, also=(book.row,), by=work.by, at=at)
        work.ring(starting.TASK)

    return _change(order_id, change, by=by, at=at, correlation_id=correlation_id)


def cancel(
    order_id: str,
    *,
    by: Principal,
    at: datetime,
    cancel_resting: bool = True,
    correlation_id: str = "",
) -> Schedule:
    """Stop a schedule; the order stays, staged, with what was not sent. Raises as `pause` does."""
    by.require(CANCEL)

    def change(work: Unit, one: Tree, book: Book) -> None:
        if cancel_resting:
            ending.stop(work, one, rows.live(one, book), by=work.by, at=at)
        ending.end(work, one, book, "cancel", "requested", by=work.by, at=at)

    return _change(order_id, change, by=by, at=at, correlation_id=correlation_id)


def _change(
    order_id: str,
    change: Callable[[Unit, Tree, Book], None],
    *,
    by: Principal,
    at: datetime,
    correlation_id: str,
) -> Schedule:
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        # Nothing is sent here, so nobody waits for a kill switch that is being engaged.
        generation.check()
        one = tree.lock(work, [order_id], organization_id=by.organization_id).get(order_id)
        if one is None:
            raise NotFound("order")
        book = rows.lock(work, [order_id]).get(order_id)
        if book is None:
            raise OmsError("no_open_schedule", "The order has no open schedule.", status=409)
        change(work, one, book)
    return book.row


def _refuse(
    work: Unit, one: Tree, asked: Scheduled, refusal: OmsError, kept: tuple[Screening, ...]
) -> None:
    work.add(*kept)
    body = {
        **execution.naming(one),
        "client_schedule_id": asked.client_schedule_id,
        "strategy": asked.strategy,
        "code": refusal.code,
        "reason": refusal.message,
    }
    execution.record(
        work,
        one,
        "schedule_reject",
        body,
        msg_type=MsgType.SYSTEM_UPDATE,
        also=kept,
        by=work.by,
        at=work.at,
    )


def _known(organization_id: str, client_id: str | None) -> Schedule | None:
    if client_id is None:
        return None
    rows_ = Schedule.objects.filter(organization_id=organization_id)
    return rows_.filter(client_schedule_id=client_id).first()


def _replay(known: Schedule, order_id: str, mark: str) -> Started:
    if known.order_id == order_id and known.fingerprint == mark:
        return Started(row=known, replayed=True)
    return Started(
        error=OmsError(
            "idempotency_conflict",
            "This client_schedule_id belongs to a schedule with other content.",
            field="client_schedule_id",
            status=409,
        )
    )
