"""What a kill switch means for the orders in its scope: which they are, and that they are gone.

A sweep over rows, so it goes on where a killed worker left it: what is open and not asked is asked
to stop, many per run; the switch is flat only when the venues have said so of every one.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from allocations import accounts
from controls import halts
from controls.halts import Target
from controls.models import Halt
from controls.states import HALT_STANDING, HaltStatus
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.journal import unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk
from orders.models import Order, VenueOrder
from orders.states import ORDER_OPEN, VENUE_TERMINAL
from venues import instruments

MOST_AT_ONCE = 500
_DRAINING = (HaltStatus.ENGAGED.value, HaltStatus.DRAINING.value)


def target_of(scope: str, name: str, *, by: Principal) -> Target:
    """What a person means by a scope and a name. Raises `OmsError` (422) for what is not here."""
    if scope == "organization":
        return Target(scope, by.organization_id, f"all of {by.organization_id}")
    if scope == "account":
        account = accounts.find_account(by.organization_id, name)
        if account is not None:
            return Target(scope, account.id, f"account {account.code}")
    elif scope == "trader":
        if User.objects.filter(organization_id=by.organization_id, username=name).exists():
            return Target(scope, name, f"trader {name}")
    elif scope == "instrument":
        facts = instruments.find(name)
        if facts is not None:
            return Target(scope, facts.cusip, f"{facts.cusip} {facts.description}"[:160])
    else:
        raise OmsError(
            "scope_unknown", f"A scope is one of {', '.join(halts.SCOPES)}.", field="scope"
        )
    raise OmsError("target_not_found", f"No {scope} {name!r} here.", field="target")


def within(target: Target, organization_id: str) -> QuerySet[Order]:
    """The open orders that a switch stands over: staged, under review, at venues, by voice."""
    rows = Order.objects.filter(
        organization_id=organization_id, status__in=[s.value for s in ORDER_OPEN]
    )
    return _scoped(target, rows)


def _scoped(target: Target, rows: QuerySet[Order]) -> QuerySet[Order]:
    if target.scope == "account":
        in_block = Q(allocation__accounts__account_id=target.id)
        return rows.filter(Q(account_id=target.id) | in_block).distinct()
    if target.scope == "trader":
        return rows.filter(submitted_by__username=target.id)
    if target.scope == "instrument":
        return rows.filter(instrument__cusip=target.id)
    return rows


def preview(target: Target, organization_id: str) -> dict[str, Any]:
    """How much a switch would stop: orders, open quantity, and what is at each venue."""
    rows = within(target, organization_id)
    keys = list(rows.values_list("pk", flat=True))
    whole = Order.objects.filter(pk__in=keys).aggregate(n=Count("pk"), leaves=Sum("leaves_qty"))
    venues = (
        VenueOrder.objects.filter(order_id__in=keys)
        .exclude(status__in=sorted(VENUE_TERMINAL))
        .values("venue_id")
        .annotate(orders=Count("pk"), leaves=Sum("leaves_qty"))
        .order_by("venue_id")
    )
    return {
        "orders": whole["n"],
        "leaves_qty": whole["leaves"] or Decimal(0),
        "venues": [
            {"venue_id": v["venue_id"], "orders": v["orders"], "leaves_qty": v["leaves"]}
            for v in venues
        ],
    }


def alive(target: Target, organization_id: str) -> int:
    """Orders in a scope that are open, or whose venues have not said that all of it is over."""
    unsettled = ~Q(status__in=sorted(VENUE_TERMINAL)) | Q(in_doubt=True)
    at_venues = VenueOrder.objects.filter(unsettled, organization_id=organization_id)
    named = Q(pk__in=at_venues.values("order_id")) | Q(status__in=[s.value for s in ORDER_OPEN])
    return _scoped(target, Order.objects.filter(named, organization_id=organization_id)).count()


def release(halt_id: str, *, by: Principal, at: datetime) -> Halt:
    """Release a switch that is flat still. Raises as `halts.release`, and 409 `not_flat`."""
    by.require(halts.RELEASE)
    halt = Halt.objects.filter(pk=halt_id, organization_id=by.organization_id).first()
    if halt is not None and halt.cancels:
        target = Target(halt.scope, halt.target, halt.target_name)
        left = alive(target, halt.organization_id)
        if left:
            raise OmsError("not_flat", f"{left} orders in it are alive.", status=409)
    return halts.release(halt_id, by=by, at=at)


def drain() -> int:
    """Ask what is open under standing switches to stop. Returns how many orders were asked."""
    generation.check()
    return sum(_drain(halt) for halt in _standing())


def _standing() -> list[Halt]:
    rows = Halt.objects.filter(status__in=sorted(HALT_STANDING), cancels=True)
    return list(rows.order_by("engaged_at"))


def _drain(halt: Halt) -> int:
    target = Target(halt.scope, halt.target, halt.target_name)
    open_ = within(target, halt.organization_id)
    waiting = list(open_.filter(pending="").values_list("pk", flat=True)[:MOST_AT_ONCE])
    if waiting:
        desk.stop(waiting, by=halts.system(), at=clock.now())
    left = alive(target, halt.organization_id)
    with unit.work(by=halts.system(), at=clock.now()) as work:
        row = work.lock(Halt, [halt.id])[halt.id]
        halts.settle(work, row, flat=left == 0, alive=left)
    return len(waiting)
