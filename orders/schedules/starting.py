"""A schedule comes about, in the unit of work of its caller: people's requests and routing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from controls.models import Screening
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders import extending, render
from orders.models import Schedule, ScheduleSlice
from orders.requests import Scheduled
from orders.schedules import checking, telling, view
from orders.schedules.checking import Plan
from orders.schedules.rows import Book
from orders.tree import Tree

TASK = "orders.tasks.run_schedules"


def start(
    work: Unit,
    one: Tree,
    asked: Scheduled,
    plan: Plan,
    *,
    origin: str,
    by: Actor,
    at: datetime,
    requested_by_id: int | None = None,
    fingerprint: str = "",
    evidence: Sequence[Screening] = (),
) -> Book:
    """Make the schedule and all its slices; nothing is sent before their time.

    The plan is `checking.plan`'s of the same moment. Emits `schedule_start`.
    """
    row = _row(one, asked, plan, origin=origin, by_id=requested_by_id, mark=fingerprint, at=at)
    slices = [
        ScheduleSlice(
            id=ids.prefixed("sl"),
            organization_id=row.organization_id,
            schedule_id=row.id,
            order_id=row.order_id,
            number=number,
            due_at=slot.due_at,
            qty=slot.qty,
        )
        for number, slot in enumerate(plan.slots, start=1)
    ]
    one.order.routed(execution_orders=0)
    work.add(row, *slices, *evidence)
    kept = [*evidence, *extending.keep(work, row, asked.extension)]
    book = Book(row, slices)
    told = view.terms(row, one.order.amount_type, extension=asked.extension)
    body = {**telling.naming(one, row), "schedule": told}
    body["slices"] = [
        {
            "number": item.number,
            "due_time": item.due_at,
            "amount": render.amount(item.qty, one.order.amount_type),
        }
        for item in slices
    ]
    telling.record(work, one, "schedule_start", body, also=(row, *slices, *kept), by=by, at=at)
    if book.next_at() <= at:
        work.ring(TASK)
    return book


def of_instruction(
    work: Unit,
    one: Tree,
    asked: Scheduled,
    *,
    origin: str,
    by: Actor,
    at: datetime,
    evidence: Sequence[Screening] = (),
) -> None:
    """Start what an order's instructions or the rules say, once: not again on its next day.

    Raises `OmsError` as `checking.plan` does.
    """
    if one.order.schedules.exclude(origin="request").exists():
        return
    plan = checking.plan(one, asked, at=at)
    start(work, one, asked, plan, origin=origin, evidence=evidence, by=by, at=at)


def _row(
    one: Tree,
    asked: Scheduled,
    plan: Plan,
    *,
    origin: str,
    by_id: int | None,
    mark: str,
    at: datetime,
) -> Schedule:
    terms = plan.terms
    return Schedule(
        id=ids.prefixed("sch"),
        organization_id=one.order.organization_id,
        order_id=one.order.id,
        client_schedule_id=asked.client_schedule_id,
        fingerprint=mark,
        origin=origin,
        requested_by_id=by_id,
        strategy=asked.strategy,
        qty=plan.qty,
        start_at=plan.start_at,
        end_at=plan.end_at,
        limit_price=asked.limit_price,
        venue_id=asked.venue_id or None,
        max_slice=plan.max_slice,
        max_participation=terms.max_participation,
        urgency=terms.urgency,
        curve=plan.curve,
        randomize=terms.randomize or Decimal(0),
        seed=terms.seed,
        remainder=terms.remainder,
        completion=terms.completion,
        annotation=asked.annotation,
        created_at=at,
        next_at=plan.slots[0].due_at,
    )
