"""A schedule with its slices, locked together under their order's lock, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from oms_site.journal import reading
from oms_site.journal.unit import Unit
from orders import closing
from orders.models import ExecutionOrder, Schedule, ScheduleSlice
from orders.schedule_states import SCHEDULE_OPEN, SliceStatus
from orders.tree import Tree

ZERO = Decimal(0)
ORIGIN = closing.SLICE  # of the execution orders that slices become


@dataclass(slots=True)
class Book:
    """One schedule and its slices in their order, held by the current unit."""

    row: Schedule
    slices: list[ScheduleSlice]

    def planned(self) -> list[ScheduleSlice]:
        """Slices whose turn has not come."""
        return [one for one in self.slices if one.status == SliceStatus.PLANNED]

    def due(self, at: datetime) -> list[ScheduleSlice]:
        """Slices whose turn it is or was."""
        return [one for one in self.planned() if one.due_at <= at]

    def next_at(self) -> datetime:
        """When somebody has to look again: at the next slice, or at the end."""
        return min((one.due_at for one in self.planned()), default=self.row.end_at)

    def target(self, number: int) -> Decimal:
        """What the slices up to this one come to."""
        return sum((one.qty for one in self.slices if one.number <= number), ZERO)


def lock(work: Unit, trees: Iterable[str]) -> dict[str, Book]:
    """The open schedules of orders that this unit has locked, by order id; at most one each."""
    found = Schedule._base_manager.select_for_update(no_key=True).filter(
        order_id__in=list(trees), status__in=sorted(status.value for status in SCHEDULE_OPEN)
    )
    books = {row.id: Book(work.hold(row), []) for row in found.order_by("pk")}
    for one in reading.locked(ScheduleSlice, schedule_id=books):
        books[one.schedule_id].slices.append(work.hold(one))
    for book in books.values():
        book.slices.sort(key=lambda one: one.number)
    return {book.row.order_id: book for book in books.values()}


def children(one: Tree, book: Book) -> dict[str, ExecutionOrder]:
    """The execution orders that slices have become, by the id of the slice."""
    made: Mapping[str, ExecutionOrder] = {row.id: row for row in one.execution_orders}
    return {
        item.id: made[item.execution_order_id]
        for item in book.slices
        if item.execution_order_id is not None
    }


def live(one: Tree, book: Book) -> list[ExecutionOrder]:
    """The execution orders of slices that are not over."""
    return [row for row in children(one, book).values() if not row.is_terminal]


def own_limit(row: ExecutionOrder) -> Decimal | None:
    """The limit of the schedule whose slice an execution order is; None without one."""
    if row.origin != ORIGIN:
        return None
    found = ScheduleSlice.objects.filter(execution_order_id=row.id)
    return found.values_list("schedule__limit_price", flat=True).first()


def filled(one: Tree, book: Book) -> Decimal:
    """What the slices have executed."""
    return sum((row.cum_qty for row in children(one, book).values()), ZERO)


def taken(one: Tree, book: Book) -> Decimal:
    """What they have executed and what may still be executed of them."""
    return filled(one, book) + sum((row.leaves_qty for row in live(one, book)), ZERO)
