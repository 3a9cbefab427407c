"""What a kill switch means for the orders in its scope: which they are, and that they are gone.

A sweep over rows, so it goes on where a killed worker left it: what is open and not asked is asked
to stop, many per run; the switch is flat only when the venues have said so of every one.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from operator import itemgetter

import msgspec
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from controls import halts, order_groups
from controls.halts import Target
from controls.models import Halt, OrderGroup
from controls.states import HALT_STANDING
from oms_site import later
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import NotFound, OmsError
from orders.models import Order, VenueOrder
from orders.states import VENUE_TERMINAL, Pending
from orders.stopping import asking as stopping
from orders.stopping import hands, selecting
from orders.stopping.asking import Asked
from orders.stopping.selecting import Selection
from orders.stopping.targets import target_of
from venues.models import Outbound

__all__ = [
    "alive",
    "drain",
    "drain_groups",
    "engage",
    "release",
    "reset_group",
    "selected",
    "target_of",
    "within",
]
# Orders of one round: by statements, from how many on by several hands, and of those that need a
# look each.
AT_ONCE, MANY = 100_000, 1_000
MOST_AT_ONCE = 500
# How often what was engaged here is looked at here; then it is the workers' alone.
ROUNDS = 20
AGAIN_AFTER, AGAIN_BEFORE = timedelta(seconds=1), timedelta(seconds=60)
UNASKED = (Pending.NONE.value, Pending.REPLACE.value)
LOCKS = 0x0E35_0020  # the first half of the advisory locks of drains


def selected(halt: Halt) -> Selection:
    """What a switch stops: under a reducing one orders that pass afterwards are left alone."""
    found = selecting.of_scope(halt.scope, halt.target, organization_id=halt.organization_id)
    if halt.mode == Halt.Mode.REDUCING:
        return msgspec.structs.replace(found, before=halt.engaged_at.isoformat())
    return found


def within(target: Target, organization_id: str) -> QuerySet[Order]:
    """The open orders that a switch would stand over."""
    wanted = selecting.of_scope(target.scope, target.id, organization_id=organization_id)
    return selecting.open_orders(wanted)


def engage(
    target: Target, *, reason: str, cancels: bool, by: Principal, at: datetime, mode: str
) -> Halt:
    """As `halts.engage`, and what is open is asked to stop from here, at once.

    Waking a worker takes a good part of the second that thousands of cancels may take. It is woken
    as well: one drain works a switch at a time, and whoever lives goes on.
    """
    row = halts.engage(target, reason=reason, cancels=cancels, by=by, at=at, mode=mode)
    if cancels:
        later.begin(_begin)
    return row


def _begin() -> None:
    for _ in range(ROUNDS):
        if not drain():
            break


def alive(target: Target, organization_id: str) -> int:
    """Orders in a scope that are open, or whose venues have not said that all of it is over."""
    wanted = selecting.of_scope(target.scope, target.id, organization_id=organization_id)
    return selecting.alive(wanted).count()


def release(halt_id: str, *, by: Principal, at: datetime) -> Halt:
    """Release a switch that is flat still. Raises as `halts.release`, and 409 `not_flat`."""
    by.require(halts.RELEASE)
    halt = Halt.objects.filter(pk=halt_id, organization_id=by.organization_id).first()
    if halt is not None and halt.cancels:
        left = selecting.alive(selected(halt)).count()
        if left:
            raise OmsError("not_flat", f"{left} orders in it are alive.", status=409)
    return halts.release(halt_id, by=by, at=at)


def drain() -> int:
    """Ask what is open under standing switches to stop. Returns how many orders were asked."""
    generation.check()
    return draining.each(_standing(), _drain, aside=_tell)


def drain_groups() -> int:
    """Ask what is open in locked order groups to stop. Returns how many orders were asked."""
    generation.check()
    return draining.each(order_groups.standing(), _drain_group, aside=_tell)


def _tell(one: Halt | OrderGroup, error: Exception) -> None:
    """One that cannot be drained holds up no other, and is tried again at the next look."""
    draining.tell("drain_halts", one.id, error, organization_id=one.organization_id)


def _drain_group(group: OrderGroup) -> int:
    at, since = clock.now(), group.locked_at
    assert since is not None
    with unit.work(by=halts.system(), at=at) as work:
        if not _alone(group.id):
            return 0
        wanted = Selection(organization_id=group.organization_id, order_group=group.id)
        asked = _ask(work, wanted, _unasked(wanted, since=since, at=at), at=at)
    return sum(one.outcome != stopping.NOTHING for one in asked)


def reset_group(group_id: str, *, by: Principal, at: datetime) -> OrderGroup:
    """Let a locked group trade again once all of it is proven gone.

    Raises `NotFound`, `OmsError` 409 `order_group_open` and `not_flat`.
    """
    by.require(order_groups.SUBMIT)
    with unit.work(by=actors.person(by), at=at) as work:
        found = work.lock(OrderGroup, [group_id]).get(group_id)
        if found is None or found.organization_id != by.organization_id:
            raise NotFound("order group")
        wanted = Selection(organization_id=found.organization_id, order_group=found.id)
        left = selecting.alive(wanted).count()
        if left:
            raise OmsError("not_flat", f"{left} orders in it are alive.", status=409)
        order_groups.reset(work, found, by=by, at=at)
    return found


def _standing() -> list[Halt]:
    rows = Halt.objects.filter(status__in=sorted(HALT_STANDING), cancels=True)
    return list(rows.order_by("engaged_at"))


def _drain(halt: Halt) -> int:
    at = clock.now()
    with unit.work(by=halts.system(), at=at) as work:
        if not _alone(halt.id):
            return 0
        wanted = selected(halt)
        asked = _ask(work, wanted, _unasked(wanted, since=halt.engaged_at, at=at), at=at)
        left = selecting.alive(wanted).count()
        row = work.lock(Halt, [halt.id])[halt.id]
        halts.settle(work, row, flat=left == 0, alive=left)
    return sum(one.outcome != stopping.NOTHING for one in asked)


def _ask(work: Unit, wanted: Selection, waiting: QuerySet[Order], *, at: datetime) -> list[Asked]:
    rows = waiting.order_by().values_list("created_at", "pk", "route_at", "amending")[:AT_ONCE]
    # As they were stored: what one page asks lies together on the disk. Sorted here, because for an
    # order by time the planner would walk all that ever was.
    found = sorted(rows, key=itemgetter(0, 1))
    if len(found) < MANY or wanted.narrow:
        named, by = [key for _, key, _, _ in found], halts.system()
        return stopping.ask(work, wanted, named, slowly=MOST_AT_ONCE, by=by, at=at) if named else []
    alike = [key for _, key, due, amending in found if due is None and not amending]
    odd = [key for _, key, due, amending in found if due is not None or amending]
    return hands.ask(alike, odd, slowly=MOST_AT_ONCE, by=halts.system(), at=at)


def _alone(halt_id: str) -> bool:
    """Whether nobody else drains this switch: two would only wait for each other's rows."""
    with connection.cursor() as cursor:
        key = zlib.crc32(halt_id.encode()) & 0x7FFF_FFFF
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCKS, key])
        (held,) = cursor.fetchone()
    return bool(held)


def _unasked(wanted: Selection, *, since: datetime, at: datetime) -> QuerySet[Order]:
    """What has not been asked yet, and whose venue refused long enough ago to be asked again.

    The longer a switch stands the rarer: half its age between two requests, 1 to 60 seconds.
    """
    again = at - min(max((at - since) / 2, AGAIN_AFTER), AGAIN_BEFORE)
    lately = Outbound.objects.filter(
        cl_ord_id=OuterRef("cancel_cl_ord_id"), kind="F", created_at__gt=again
    )
    working = VenueOrder.objects.filter(order_id=OuterRef("pk"))
    working = working.exclude(status__in=sorted(VENUE_TERMINAL))
    if wanted.venue:
        working = working.filter(venue_id=wanted.venue)
    unasked = working.filter(pending__in=UNASKED)
    refused = unasked.filter(~Q(cancel_cl_ord_id=""), Exists(lately))
    rows = selecting.open_orders(wanted).exclude(Exists(refused)).exclude(pk__in=stopping.odd())
    if not wanted.narrow:
        return rows.filter(pending__in=UNASKED)
    return rows.filter(Exists(unasked) | ~Exists(working) | selecting.scheduled(wanted))
