"""Whether an order may be worked by a schedule, and the plan that its parameters come to."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from oms_site.firm import policies
from oms_site.kit.errors import OmsError
from orders import execution, time_in_force
from orders.models import Order, Schedule
from orders.requests import SHORTFALL, VWAP, Scheduled, ScheduleTerms
from orders.schedule_states import SCHEDULE_OPEN
from orders.schedules import curves, planning
from orders.schedules.planning import Sizes, Slot
from orders.schedules.slicing import CannotSlice
from orders.schedules.windows import Window, window
from orders.tree import Tree
from venues import instruments, sessions

USUAL_SLICES, MOST_SLICES = 10, 500
SHORTEST_SLOT = timedelta(seconds=1)
USUAL_URGENCY = Decimal(1)
# What a slice may come to with all it catches up, unless its maker says: twice the largest.
CATCHES_UP = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule as it will be kept: every parameter resolved, every slice computed."""

    qty: Decimal
    start_at: datetime
    end_at: datetime
    slots: list[Slot]
    max_slice: Decimal
    terms: ScheduleTerms
    curve: str


def plan(one: Tree, asked: Scheduled, *, at: datetime) -> Plan:
    """The plan of a schedule on an order that the caller has locked.

    Raises `OmsError`: 422 for parameters that cannot be, 409 for an order that cannot be worked.
    """
    order = one.order
    check_allowed(order, asked)
    if order.all_or_none or order.time_in_force in time_in_force.IMMEDIATE:
        text = "An order that must be filled at once or as a whole has no schedule."
        raise OmsError("schedule_needs_time", text)
    qty = asked.qty or one.free()
    execution.check(one, msgspec.structs.replace(asked, qty=qty), at=at)
    if open_of(order.id) is not None:
        raise OmsError("schedule_open", "The order has a schedule that is not over.", status=409)
    terms, when, end_at = _window(order, asked.parameters, at=at)
    return _sliced(order, asked.strategy, qty, terms, when, end_at)


def check_allowed(order: Order, asked: Scheduled) -> None:
    """Refuse what the order's policy does not open. Raises `OmsError`."""
    policy = policies.pinned(order.organization_id, order.policy_id)
    allowed = policy["allowed_schedules"] if policy is not None else []
    if asked.strategy not in allowed:
        raise OmsError(
            "schedule_not_allowed",
            f"Your policy allows {', '.join(allowed)}." if allowed else "Your policy has none.",
            field="strategy",
        )


def open_of(order_id: str) -> Schedule | None:
    """The schedule of an order that is not over."""
    states = sorted(status.value for status in SCHEDULE_OPEN)
    return Schedule.objects.filter(order_id=order_id, status__in=states).first()


def _window(
    order: Order, terms: ScheduleTerms, *, at: datetime
) -> tuple[ScheduleTerms, Window, datetime]:
    """What of the time asked for the market is open; it begins with its first open moment."""
    start = max(terms.start_time or at, at, order.eligible_at)
    end = terms.end_time or time_in_force.leaves_venue_at(order, at=start)
    if end > order.expires_at:
        raise OmsError(
            "schedule_after_expiry", "The order expires before the schedule.", field="end_time"
        )
    book = sessions.calendar(instruments.by_id(order.instrument_id).market)
    when = window(start, end, book=book, extended=order.extended_hours)
    if not when.pieces:
        raise OmsError(
            "schedule_outside_session", "The market is not open in that time.", field="end_time"
        )
    return terms, when, min(end, when.pieces[-1].closes)


def _sliced(
    order: Order,
    strategy: str,
    qty: Decimal,
    terms: ScheduleTerms,
    when: Window,
    end_at: datetime,
) -> Plan:
    facts = instruments.by_id(order.instrument_id)
    least, step = facts.min_denomination, facts.min_increment
    slots = terms.slices or min(USUAL_SLICES, int(qty // least))
    if when.length < slots * (SHORTEST_SLOT // timedelta(microseconds=1)):
        raise OmsError("slices_too_close", "Give a second or more to each slice.", field="slices")
    terms = _resolved(strategy, terms)
    curve = curves.of(facts.market, facts.asset_class)
    try:
        made = planning.plan(
            strategy,
            qty,
            window=when,
            slots=slots,
            sizes=Sizes(step, least, terms.max_slice),
            curve=curve,
            urgency=terms.urgency or Decimal(0),
            randomize=terms.randomize or Decimal(0),
            seed=terms.seed,
        )
    except CannotSlice as fault:
        raise OmsError("schedule_cannot_be_cut", f"{fault}.".capitalize()) from fault
    if terms.max_participation is not None and len(made) < 2:
        # A slice takes its share of what has traded before it: a single one would send nothing.
        text = "A share of what trades needs two slices or more."
        raise OmsError("participation_needs_slices", text, field="slices")
    most = terms.max_slice or max(slot.qty for slot in made) * CATCHES_UP
    start_at = when.pieces[0].opens
    used = curve.name if strategy == VWAP else ""
    return Plan(qty, start_at, end_at, made, most, terms, used)


def _resolved(strategy: str, terms: ScheduleTerms) -> ScheduleTerms:
    """The terms with everything said that was left to us; chance is kept by its seed."""
    urgency, seed = terms.urgency, terms.seed
    if strategy != SHORTFALL and urgency is not None:
        raise OmsError("urgency_forbidden", f"Only {SHORTFALL} has an urgency.", field="urgency")
    if strategy == SHORTFALL and urgency is None:
        urgency = USUAL_URGENCY
    if terms.randomize and seed is None:
        seed = secrets.randbelow(2**31)
    return msgspec.structs.replace(terms, urgency=urgency, seed=seed if terms.randomize else None)
