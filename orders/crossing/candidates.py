"""Which orders may cross: open, idle in part, of a policy that says so. One query, or none.

What it finds is only a guess until the rows are locked; `free` and all else is asked again then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import (
    DecimalField,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce

from oms_site.firm import policies
from orders import rulesets, time_in_force
from orders.models import ExecutionOrder, Order, Rfq
from orders.models.schedule import Schedule
from orders.schedule_states import SCHEDULE_OPEN
from orders.states import ORDER_EXECUTABLE, RFQ_OPEN
from orders.tree import Tree
from venues import instruments

RULE = "internal_cross"
ROUTED, OPEN = "routed", "open"
_MOST = 2000
_QTY: DecimalField[Decimal, Decimal] = DecimalField(max_digits=20, decimal_places=6)
_AT_ANY_TIME = ("day", "ioc", "fok", "gtc", "gtd")
# What may as well trade inside: a schedule sends its slices by itself, the others name a venue.
_BY_PRICE = frozenset({"smart_order_routing", "broker_wheel"})


class _Row(NamedTuple):
    side: str
    limit: Decimal | None
    id: str


def found(*, at: datetime) -> dict[tuple[str, int], list[str]]:
    """Ids of orders that may cross, by organization and instrument, where both sides are there.

    Without a policy that crosses nothing is asked.
    """
    routed, waiting = (policies.stating(RULE, way) for way in (ROUTED, OPEN))
    if not (routed or waiting):
        return {}
    rows = _idle(at).filter(
        Q(policy_id__in=waiting) | Q(policy_id__in=routed, route_at__isnull=False)
    )
    names = ("organization_id", "instrument_id", "side", "limit_price", "id")
    groups: dict[tuple[str, int], list[_Row]] = {}
    for organization, instrument, *row in rows.order_by("approved_at", "id").values_list(*names)[
        :_MOST
    ]:
        groups.setdefault((organization, instrument), []).append(_Row(*row))
    overlapping = {key: _overlapping(mine) for key, mine in groups.items()}
    return {key: found for key, found in overlapping.items() if found}


def _overlapping(rows: Sequence[_Row]) -> list[str]:
    """Those whose limit reaches at least one of the other side: no others need be locked."""
    best = {side: [row.limit for row in rows if row.side == side] for side in ("buy", "sell")}
    if not (best["buy"] and best["sell"]):
        return []
    found = []
    for row in rows:
        others = best["sell" if row.side == "buy" else "buy"]
        if row.limit is None or None in others:
            found.append(row.id)
            continue
        limits = [limit for limit in others if limit is not None]
        reaches = row.limit >= min(limits) if row.side == "buy" else row.limit <= max(limits)
        if reaches:
            found.append(row.id)
    return found


def _idle(at: datetime) -> QuerySet[Order]:
    """Open orders that nobody is changing, that are due or staged, and wait for nothing else."""
    asked = Rfq.objects.filter(order_id=OuterRef("pk"), status__in=sorted(RFQ_OPEN))
    worked = Schedule.objects.filter(order_id=OuterRef("pk"), status__in=sorted(SCHEDULE_OPEN))
    live = ExecutionOrder.objects.filter(
        order_id=OuterRef("pk"), status__in=sorted(ORDER_EXECUTABLE)
    )
    taken = live.order_by().values("order_id").annotate(sum=Sum("leaves_qty")).values("sum")
    return Order.objects.filter(
        Q(route_at=None) | Q(route_at__lte=at),
        ~Exists(asked),
        ~Exists(worked),
        Q(stop_price=None) | Q(triggered_at__isnull=False),
        # One that others hold back, or that is for an auction or for makers only, is not for this.
        order_list=None,
        post_only=False,
        time_in_force__in=_AT_ANY_TIME,
        status__in=sorted(ORDER_EXECUTABLE),
        pending="",
        amending="",
        in_doubt=False,
        leaves_qty__gt=Coalesce(Subquery(taken), Value(Decimal(0)), output_field=_QTY),
        eligible_at__lte=at,
        expires_at__gt=at,
    )


def may(one: Tree, *, at: datetime) -> bool:
    """Whether a locked order may cross now: its policy, its state, and where it is on its way to.

    One whose instructions name a venue, dealers or an external trade goes where it says.
    """
    order = one.order
    policy = policies.pinned(order.organization_id, order.policy_id)
    way = policy.rules.get(RULE) if policy is not None else ""
    due = order.route_at is not None and order.route_at <= at
    if way not in (ROUTED, OPEN) or not (due or (way == OPEN and order.route_at is None)):
        return False
    idle = not (order.pending or order.amending or order.in_doubt or order.awaits_trigger)
    plain = order.order_list_id is None and not order.post_only
    return (
        idle
        and plain
        and order.status in ORDER_EXECUTABLE
        and at < order.expires_at
        and time_in_force.is_open(order, at=at)
        and one.free() > 0
        and (not due or _goes_to_books(order))
    )


def _goes_to_books(order: Order) -> bool:
    chosen = rulesets.choose(order, instruments.by_id(order.instrument_id)).instructions
    return bool(chosen) and all(
        one.protocol == "limit_order_book" and one.strategy in _BY_PRICE and not one.venue_id
        for one in chosen
    )


def cusips(groups: Iterable[tuple[str, int]]) -> set[str]:
    """The securities of these groups, to look at their books."""
    return {instruments.by_id(instrument_id).cusip for _, instrument_id in groups}
