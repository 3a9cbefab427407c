"""Draws the consequences of what happened to the orders of a list: lets go, arms, stops.

A drain: it reads how the orders stand, asks `planning` what they may do, and writes what differs.
Nothing is remembered between two looks, so one that is lost, late or doubled does no harm. Orders
are asked to stop in a second transaction; if that is lost, the next look asks again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection

from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import breaks, desk, execution, render, rulesets
from orders.contingent import families, planning
from orders.contingent.families import Family
from orders.models import Order, OrderListLeg
from orders.states import ORDER_EXECUTABLE, Pending
from orders.tree import Tree
from venues import instruments

_by = actors.system("contingent")
_odd = draining.Aside("settle_lists")
STOPPING = frozenset({Pending.CANCEL.value, Pending.EXPIRE.value})
EXCESS = "contingent_excess"
_NOTE = """
UPDATE orders_orderlistwatch w SET seen = n.seen, over = n.over
FROM unnest(%s::text[], %s::bigint[], %s::boolean[]) AS n(id, seen, over)
WHERE w.order_list_id = n.id
"""


def drain(*, limit: int = 100) -> int:
    """Settle every list of which an order has moved. Returns how many there were.

    All of them at once; one that cannot be settled holds up no other: it is left out for a while,
    with a break.
    """

    def together(taken: list[str]) -> int:
        taken += families.due(at=clock.now(), limit=limit, without=_odd.keys())
        settle(taken)
        return len(taken)

    return draining.safely(together, _alone, aside=_put_aside)


def _alone(order_list_id: str) -> int:
    settle([order_list_id])
    return 1


def _put_aside(order_list_id: str, error: Exception) -> None:
    legs = OrderListLeg.objects.filter(order_list_id=order_list_id).order_by("position")
    order_id = legs.values_list("order_id", flat=True).first() or ""
    _odd.put(order_list_id, error, order_id=order_id)


def settle(order_list_ids: Collection[str]) -> Collection[str]:
    """Bring the orders of lists to where they belong now. Returns who was asked to stop."""
    if not order_list_ids:
        return ()
    at = clock.now()
    stop: list[str] = []
    seen: list[tuple[str, int, bool]] = []
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        for family in families.lock(work, order_list_ids):
            found = _let_all_go(work, family, at=at)
            stop += found
            seen.append(_seen(family, looked=not found, at=at))
        _note(seen)
    if stop:
        desk.stop(sorted(stop), by=_by, at=clock.now())
    return stop


def _let_all_go(work: Unit, family: Family, *, at: datetime) -> list[str]:
    """Let go and arm what may; which of its orders are still to be asked to stop."""
    plan = planning.plan(legs := family.facts())
    trees = {one.order.id: one for _, one in family.legs}
    for leg, qty, armed in planning.changes(legs, plan):
        _let_go(work, trees[leg.id], qty, armed, at=at)
    if plan.excess:
        _report(work, family, plan.excess, at=at)
    return [name for name in plan.stop if trees[name].order.pending not in STOPPING]


def _let_go(work: Unit, one: Tree, qty: Decimal, armed: bool, *, at: datetime) -> None:
    order = one.order
    was = order.released_qty
    route_at = order.route_at if qty > order.cum_qty else None
    armed_at = order.armed_at or (at if armed else None)
    order.let_go(qty=qty, armed_at=armed_at, route_at=route_at)
    if order.route_at is None:
        order.route_at = _route_at(one, at=at)
    if order.route_at is not None:
        work.ring("orders.tasks.route")
    body = {
        **execution.naming(one),
        "order_list_id": order.order_list_id,
        "released_amount": render.amount(qty, order.amount_type),
        "was_released_amount": render.amount(was or Decimal(0), order.amount_type),
        "armed": armed,
    }
    execution.record(work, one, "contingent_release", body, by=_by, at=at)


def _route_at(one: Tree, *, at: datetime) -> datetime | None:
    """When what was let go is routed: now, at its open, or by hand; never before its price came."""
    order: Order = one.order
    waits = order.awaits_trigger or order.is_held or order.status not in ORDER_EXECUTABLE
    if waits or one.free() <= 0:
        return None
    chosen = rulesets.choose(order, instruments.by_id(order.instrument_id))
    return max(order.eligible_at, at) if chosen.instructions else None


def _report(work: Unit, family: Family, excess: Decimal, *, at: datetime) -> None:
    """More was filled, or may still be, than the legs may together: people decide what to do."""
    breaks.open(
        work,
        kind=EXCESS,
        key=family.row.id,
        evidence={
            "order_list_id": family.row.id,
            "excess": str(excess),
            "filled": {one.order.id: str(one.order.cum_qty) for _, one in family.legs},
            "working": {one.order.id: str(one.committed()) for _, one in family.legs},
        },
        at=at,
        organization_id=family.row.organization_id,
        order_id=family.legs[0][1].order.id,
    )


def _seen(family: Family, *, looked: bool, at: datetime) -> tuple[str, int, bool]:
    """What is remembered of a list; one whose orders have ended, their day with them, is over.

    While somebody is still to be asked to stop it counts as not looked at.
    """
    last = max(one.order.expires_at for _, one in family.legs)
    return family.row.id, family.seen if looked else 0, family.is_over and last <= at


def _note(seen: Sequence[tuple[str, int, bool]]) -> None:
    keys, sums, over = (list(column) for column in zip(*seen, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [keys, sums, over])
