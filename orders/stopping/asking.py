"""Asking orders to stop, or only what a strategy or a venue works of them, and what came of it.

Called by the drains of kill switches and mass cancels, many orders per call. A venue that has been
asked is not asked again before it has answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from oms_site.firm import generation
from oms_site.firm.database import of_content
from oms_site.journal import draining, unit
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders import closing, desk, execution, tree
from orders.models import ExecutionOrder, VenueOrder
from orders.schedule_states import ScheduleStatus
from orders.schedules import ending
from orders.schedules import rows as schedules
from orders.schedules.rows import Book
from orders.states import Pending
from orders.stopping import at_once, selecting
from orders.stopping.selecting import Selection
from orders.tree import Tree

log = logging.getLogger(__name__)
PENDING, CANCELED, NOTHING = "pending", "canceled", "nothing"
STOPPED = "stopped"
FEW = 25  # so many are asked one by one soon enough when one of them breaks a statement
# It is live at a venue: nobody waits for it, and it is asked again soon.
_odd = draining.Aside("stop", again=timedelta(seconds=5))


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one order's request: `pending` at venues, `canceled`, or `nothing` to stop."""

    order_id: str
    outcome: str
    cancel_id: str = ""
    reason: str = ""


def ask(
    work: Unit,
    wanted: Selection,
    order_ids: Sequence[str],
    *,
    slowly: int,
    by: Actor,
    at: datetime,
    once: bool = False,
) -> list[Asked]:
    """Ask some of these orders of a selection to stop: all that can be asked together, or else
    `slowly` at most that need a look each.

    The others are absent and have to be given again, to another unit: one that holds thousands of
    orders must not wait for one that somebody else holds. `once`: no switch stands that keeps
    schedules from sending to the venue again, so those that would are paused.
    """
    if wanted.narrow:
        parts = partial(_ask_parts, wanted, by=by, at=at, once=once)
        return _safely(parts, order_ids[:slowly])
    return together(work, order_ids, at=at) or singly(order_ids[:slowly], by=by, at=at)


def singly(order_ids: Sequence[str], *, by: Actor, at: datetime) -> list[Asked]:
    """Ask each of these orders, whatever its shape. One that cannot be asked is absent."""
    return _safely(partial(_ask_each, by=by, at=at), order_ids)


def _safely(
    ask_them: Callable[[Sequence[str]], list[Asked]], order_ids: Sequence[str]
) -> list[Asked]:
    """An order that cannot be asked is absent, and put aside with a break; the others are asked."""
    asked = list[Asked]()

    def together(taken: list[str]) -> int:
        taken += order_ids
        asked.extend(ask_them(order_ids))
        return len(order_ids)

    def alone(order_id: str) -> int:
        asked.extend(ask_them([order_id]))
        return 1

    draining.safely(together, alone, aside=lambda key, error: _odd.put(key, error, order_id=key))
    return asked


def odd() -> list[str]:
    """Orders that could not be asked lately: not to be given to `ask` for a while."""
    return _odd.keys()


def _kept(order_ids: Sequence[str]) -> None:
    """Nobody asks for what is left at once."""


def together(
    work: Unit,
    order_ids: Sequence[str],
    *,
    at: datetime,
    left: Callable[[Sequence[str]], None] = _kept,
) -> list[Asked]:
    """Ask only those of them that can be asked by one statement; not the few beside one at fault.

    What breaks a statement is looked for by halves. The caller's transaction outlives that, and
    whoever asks each of the few that are left finds the one. `left` hears of those that others hold
    or that need a look each, before the statement is run.
    """
    try:
        with transaction.atomic():
            asked = at_once.ask(work, order_ids, at=at, left=left)
    except Exception as error:
        if not of_content(error):
            raise
        if (half := len(order_ids) // 2) >= FEW:
            parts = (order_ids[:half], order_ids[half:])
            return [one for part in parts for one in together(work, part, at=at, left=left)]
        log.exception("%d orders could not be asked by one statement", len(order_ids))
        left(order_ids)
        return []
    return [Asked(key, PENDING, cancel_id) for key, cancel_id in asked.items()]


def _ask_each(order_ids: Sequence[str], *, by: Actor, at: datetime) -> list[Asked]:
    if not order_ids:
        return []
    answers = desk.stop(order_ids, by=by, at=at)
    asked = {one.order_id: Asked(one.order_id, one.outcome, one.cancel_id) for one in answers}
    return [asked.get(key) or _nothing(key) for key in order_ids]


def _ask_parts(
    wanted: Selection, order_ids: Sequence[str], *, by: Actor, at: datetime, once: bool
) -> list[Asked]:
    with unit.work(by=by, at=at) as work:
        generation.check()
        trees = tree.lock(work, order_ids, organization_id=wanted.organization_id)
        held = _hold_schedules(work, trees, wanted, by=by, at=at, once=once)
        asked = {
            key: _stop_parts(work, one, wanted, held.get(key, NOTHING), by=by, at=at)
            for key, one in trees.items()
        }
    return [asked.get(key) or _nothing(key) for key in order_ids]


def _hold_schedules(
    work: Unit, trees: Mapping[str, Tree], wanted: Selection, *, by: Actor, at: datetime, once: bool
) -> dict[str, str]:
    """End the schedules that are meant as a whole, before anything of theirs is asked to stop.

    One that chooses among venues goes round a halted one. Where nothing is halted it is paused: its
    next slice might go to the very venue that was just cleared.
    """
    found = dict[str, str]()
    for key, book in schedules.lock(work, trees).items():
        one = trees[key]
        if selecting.means(wanted, book.row):
            ending.settle(work, one, book, by=by, at=at)
            ending.end(work, one, book, "cancel", STOPPED, by=by, at=at)
        elif once and _works_there(one, book, wanted):
            ending.pause(work, one, book, STOPPED, by=by, at=at)
        else:
            continue
        found[key] = CANCELED
    return found


def _works_there(one: Tree, book: Book, wanted: Selection) -> bool:
    meant = {row.id for row, _ in selecting.parts_of(wanted, one)}
    here = any(row.id in meant for row in schedules.live(one, book))
    return here and book.row.status == ScheduleStatus.WORKING


def _stop_parts(
    work: Unit, one: Tree, wanted: Selection, outcome: str, *, by: Actor, at: datetime
) -> Asked:
    """`outcome` says whether anything of the order was stopped before this."""
    cancel_id = ids.prefixed("cr")
    for row, working in selecting.parts_of(wanted, one):
        if row.is_terminal:
            # An earlier part took the whole order with it.
            continue
        body = {**execution.naming(one, row), "cancel_request_id": cancel_id}
        unasked = [child for child in working if child.pending != Pending.CANCEL]
        if working and not unasked:
            outcome = PENDING
            continue
        execution.record(
            work,
            one,
            "execution_order_cancel_request",
            body,
            msg_type=MsgType.SYSTEM_UPDATE,
            by=by,
            at=at,
        )
        if unasked:
            _ask_venues(work, one, row, unasked, by=by, at=at)
            outcome = PENDING
        else:
            closing.close_execution(work, one, row, "cancel", by=by, at=at, reason="stopped")
            outcome = outcome if outcome == PENDING else CANCELED
    if outcome == NOTHING:
        return _nothing(one.order.id)
    return Asked(one.order.id, outcome, cancel_id)


def _ask_venues(
    work: Unit,
    one: Tree,
    row: ExecutionOrder,
    unasked: Iterable[VenueOrder],
    *,
    by: Actor,
    at: datetime,
) -> None:
    """Only these children: an execution order that others work still goes on."""
    changed: list[ExecutionOrder | VenueOrder] = []
    for child in unasked:
        execution.request_cancel(work, one, child, at=at)
        changed.append(child)
    if not row.pending and all(child.pending for child in one.working(row)):
        row.request_cancel()
        changed.append(row)
    execution.record(
        work,
        one,
        "venue_cancel_request",
        {**execution.naming(one, row), "pending": Pending.CANCEL.value},
        msg_type=MsgType.INTERNAL,
        also=changed,
        by=by,
        at=at,
    )


def _nothing(order_id: str) -> Asked:
    return Asked(order_id, NOTHING, reason="Nothing of it was left to stop.")
