"""The drain of schedules: what is due is sent, once, and what is over ends.

A sweep over rows: it can be late, doubled or killed without harm, because a slice becomes an
execution order and is marked in one transaction, under its order's lock. One slice of a schedule at
a time: those that were missed are passed over and the last one catches up within the limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import clearances, execution, render, rescreen, sor, time_in_force, tree
from orders.clearances import Clearance
from orders.execution import Issue
from orders.models import Schedule, ScheduleSlice
from orders.rescreen import Looked, Part
from orders.schedule_states import ScheduleStatus
from orders.schedules import ending, measuring, participation, rows, telling
from orders.schedules.measuring import Measured
from orders.schedules.participation import Volume
from orders.schedules.rows import Book
from orders.states import ORDER_TERMINAL, Pending
from orders.tree import Tree

_by = actors.system("schedules")
# One that is paused already, or whose order is over, is due all the same.
_odd = draining.Aside("run_schedules")
# How long a due slice waits for venues to give back what earlier ones left resting.
PATIENCE = timedelta(seconds=5)
_DUE = """
SELECT s.next_at, s.id, o.id FROM orders_schedule s JOIN orders_order o ON o.id = s.order_id
WHERE s.next_at IS NOT NULL
  AND (s.next_at <= %(at)s OR o.status = ANY(%(ended)s) OR o.pending = ANY(%(stopping)s))
  AND s.id <> ALL(%(odd)s)
  AND (s.next_at, s.id) > (%(after)s, %(name)s) AND (%(only)s = '' OR s.id = %(only)s)
ORDER BY s.next_at, s.id LIMIT %(limit)s
FOR NO KEY UPDATE OF o SKIP LOCKED
"""
_Place = tuple[datetime, str]
_FIRST: _Place = (datetime(1970, 1, 1, tzinfo=UTC), "")


@dataclass(slots=True)
class _Turn:
    """What one transaction does: which slices to send, and how many schedules have moved."""

    work: Unit
    at: datetime
    ready: list[tuple[Tree, Book, ScheduleSlice, Measured]] = field(default_factory=list)
    moved: int = 0


def drain(*, limit: int = 200) -> int:
    """Send what is due and end what is over, page by page. Returns how many schedules moved.

    A schedule that breaks its page is found by going one by one; it is paused, the others go on.
    """
    moved, place = 0, _FIRST
    while True:
        names, last = _peek(limit, place)
        if not names:
            return moved
        moved += _safely(names, limit, place)
        place = last


def _peek(limit: int, after: _Place) -> tuple[list[str], _Place]:
    """The next page without its locks; books and tapes of its instruments are read outside any."""
    found = _due(clock.now(), limit, after, lock=False)
    if found:
        generation.check()
        sor.look(order_id for _, _, order_id in found)
        participation.look(name for _, name, _ in found)
    return [name for _, name, _ in found], (found[-1][0], found[-1][1]) if found else after


def _safely(names: Sequence[str], limit: int, after: _Place) -> int:
    def together(taken: list[str]) -> int:
        taken += names
        return _page(limit, after)

    def alone(name: str) -> int:
        # What was looked at before the page is too old by now, or before the last one's turn.
        sor.look(Schedule.objects.filter(pk=name).values_list("order_id", flat=True))
        participation.look([name])
        return _page(1, _FIRST, only=name)

    return draining.safely(together, alone, aside=_set_aside)


def _page(limit: int, after: _Place, only: str = "") -> int:
    with unit.work(by=_by, at=clock.now()) as work:
        generation.enter()
        found = _due(work.at, limit, after, only=only)
        # What is locked now may have changed after we began to look.
        turn = _Turn(work, clock.now())
        trees = tree.lock(work, [order_id for _, _, order_id in found])
        for order_id, book in rows.lock(work, trees).items():
            _look(turn, trees[order_id], book)
        _send_all(turn)
    return turn.moved


def _due(
    at: datetime, limit: int, after: _Place, *, only: str = "", lock: bool = True
) -> list[tuple[datetime, str, str]]:
    asked: dict[str, Any] = {
        "at": at,
        "limit": limit,
        "ended": sorted(status.value for status in ORDER_TERMINAL),
        "stopping": [Pending.CANCEL.value, Pending.EXPIRE.value],
        "after": after[0],
        "name": after[1],
        "only": only,
        "odd": _odd.keys(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE if lock else _DUE.partition("FOR NO KEY")[0], asked)
        return list(cursor.fetchall())


def _look(turn: _Turn, one: Tree, book: Book) -> None:
    """Whether a schedule ends, waits, or has a slice to send now."""
    work, at = turn.work, turn.at
    ending.settle(work, one, book, by=_by, at=at)
    how, reason = ending.why(one, book, at=at)
    if how:
        over = reason in ending.TIME_OVER
        if over and book.row.completion == "cancel":
            ending.stop(work, one, rows.live(one, book), by=_by, at=at)
        ending.end(work, one, book, how, reason, by=_by, at=at)
        turn.moved += 1
        return
    if one.order.pending == Pending.REPLACE:
        # It may become smaller or tighter: what is due waits for the answer.
        return
    due = book.due(at)
    if book.row.status != ScheduleStatus.WORKING or not due or _awaits_rest(turn, one, book, due):
        return
    turn.moved += 1
    for missed in due[:-1]:
        _skip(turn, one, book, missed, "missed")
    if not time_in_force.is_open(one.order, at=at):
        _skip(turn, one, book, due[-1], "market_closed")
        return
    found = measuring.measure(one, book, due[-1], at=at)
    if found.instruction is None:
        _skip(turn, one, book, due[-1], found.reason, found.volume)
    else:
        turn.ready.append((one, book, due[-1], found))


def _awaits_rest(turn: _Turn, one: Tree, book: Book, due: Sequence[ScheduleSlice]) -> bool:
    """Have what rests of earlier slices given back; whether it is still worth waiting for that."""
    resting = rows.live(one, book)
    if book.row.remainder != "carry" or not resting:
        return False
    ending.stop(turn.work, one, resting, by=_by, at=turn.at)
    return bool(rows.live(one, book)) and turn.at < due[-1].due_at + PATIENCE


def _send_all(turn: _Turn) -> None:
    """Everything that is ready passes the gate together, then goes out one by one."""
    who = _requesters(turn)
    parts = [
        Part(item.id, one.order, found.instruction, who.get(book.row.requested_by_id))
        for one, book, item, found in turn.ready
        if found.instruction is not None
    ]
    looked = rescreen.at_execution(parts, at=turn.at)
    cleared = clearances.of([one.order for one, *_ in turn.ready])
    for one, book, item, found in turn.ready:
        _send(turn, one, book, item, found, looked[item.id], cleared.get(one.order.id))


def _requesters(turn: _Turn) -> Mapping[int | None, Principal]:
    """Who started what is ready, by id: a switch over them holds their slices too."""
    keys = {book.row.requested_by_id for _, book, *_ in turn.ready if book.row.requested_by_id}
    users = User.objects.in_bulk(keys) if keys else {}
    return {key: principals.of_user(user, via="recheck") for key, user in users.items()}


def _send(
    turn: _Turn,
    one: Tree,
    book: Book,
    item: ScheduleSlice,
    found: Measured,
    look: Looked,
    clearance: Clearance | None,
) -> None:
    kept = rescreen.evidence(look)
    assert found.instruction is not None
    try:
        if look.refused:
            raise look.error()
        if clearance is None:
            raise clearances.why_not(one.order)
        issue = Issue(found.instruction, rows.ORIGIN, f"{book.row.id}/{item.number}", evidence=kept)
        (row,) = execution.issue(turn.work, one, [issue], clearance=clearance, by=_by, at=turn.at)
    except OmsError as refusal:
        item.refuse(at=turn.at, reason=refusal.message)
        turn.work.add(*kept)
        _note(turn, one, "schedule_slice_refuse", book, item, code=refusal.code, also=kept)
        if look.refused and look.ticket.halted:
            ending.end(turn.work, one, book, "cancel", "trading_halted", by=_by, at=turn.at)
        return
    item.send(execution_order_id=row.id, qty=row.qty, note=found.volume.note)
    name = row.id
    _note(turn, one, "schedule_slice_send", book, item, found.volume, execution_order_id=name)


def _skip(
    turn: _Turn,
    one: Tree,
    book: Book,
    item: ScheduleSlice,
    reason: str,
    volume: Volume = participation.NOT_ASKED,
) -> None:
    item.skip(at=turn.at, reason=reason)
    _note(turn, one, "schedule_slice_skip", book, item, volume)


def _note(
    turn: _Turn,
    one: Tree,
    event: str,
    book: Book,
    item: ScheduleSlice,
    volume: Volume = participation.NOT_ASKED,
    *,
    code: str = "",
    execution_order_id: str | None = None,
    also: Sequence[object] = (),
) -> None:
    """One slice is done with: say so, and when the schedule has to be looked at again."""
    book.row.wait(until=book.next_at())
    sent = None if item.sent_qty is None else render.amount(item.sent_qty, one.order.amount_type)
    body = {
        **telling.slice_naming(one, book.row, item),
        "execution_order_id": execution_order_id,
        "sent_amount": sent,
        "volume": volume.qty,
        "volume_note": volume.note or None,
        "volume_since": volume.since,
        "volume_until": volume.until,
        "code": code or None,
        "reason": item.reason,
    }
    telling.record(turn.work, one, event, body, also=(item, book.row, *also), by=_by, at=turn.at)


def _set_aside(schedule_id: str, error: Exception) -> None:
    """Pause a schedule that cannot be worked, whatever the reason: a person looks at it.

    One that stays due for all that is left out for a while.
    """
    order_id, paused = "", False
    try:
        order_id, paused = _pause(schedule_id)
    finally:
        if paused:
            draining.tell(_odd.drain, schedule_id, error, order_id=order_id)
        else:
            _odd.put(schedule_id, error, order_id=order_id)


def _pause(schedule_id: str) -> tuple[str, bool]:
    """The order of a schedule that is due, and whether that was paused."""
    at, order_id, paused = clock.now(), "", False
    with unit.work(by=_by, at=at) as work:
        for _, _, order_id in _due(at, 1, _FIRST, only=schedule_id):
            trees = tree.lock(work, [order_id])
            for book in rows.lock(work, trees).values():
                if book.row.status == ScheduleStatus.WORKING:
                    reason = "it could not be worked, see the log"
                    ending.pause(work, trees[order_id], book, reason, by=_by, at=at)
                    paused = True
    return order_id, paused
