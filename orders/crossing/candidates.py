"""Which orders may cross: open, idle in part, of a policy that says so. Two queries at most.

The first names the securities that have both sides, the second reads those whole: orders in a
security with one side only, however many, keep nobody from crossing. What it finds is only a
guess until the rows are locked; `free` and all else is asked again then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import (
    Count,
    DecimalField,
    Exists,
    F,
    Max,
    Min,
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
_MOST = 2000  # how many orders one look takes
_QTY: DecimalField[Decimal, Decimal] = DecimalField(max_digits=20, decimal_places=6)
_AT_ANY_TIME = ("day", "ioc", "fok", "gtc", "gtd")
# What may as well trade inside: a schedule sends its slices by itself, the others name a venue.
_BY_PRICE = frozenset({"smart_order_routing", "broker_wheel"})


class Group(NamedTuple):
    """The orders of one organization in one security."""

    organization_id: str
    instrument_id: int

    def __str__(self) -> str:
        return f"{self.organization_id}/{instruments.by_id(self.instrument_id).cusip}"


class _Row(NamedTuple):
    side: str
    limit: Decimal | None
    id: str


_after: Group | None = None  # the last one of this process's last look, where that was full


def found(*, at: datetime, without: Collection[Group] = ()) -> dict[Group, list[str]]:
    """Ids of orders that may cross, by organization and security, where both sides are there.

    Without a policy that crosses nothing is asked.
    """
    routed, waiting = (policies.stating(RULE, way) for way in (ROUTED, OPEN))
    if not (routed or waiting):
        return {}
    rows = _idle(at).filter(
        Q(policy_id__in=waiting) | Q(policy_id__in=routed, route_at__isnull=False)
    )
    sizes = {key: size for key, size in _two_sided(rows).items() if key not in without}
    if not sizes:
        return {}
    groups: dict[Group, list[_Row]] = {}
    names = ("organization_id", "instrument_id", "side", "limit_price", "id")
    mine = rows.filter(_of(_turn(sizes))).order_by("approved_at", "id")
    for organization, instrument, *row in mine.values_list(*names):
        groups.setdefault(Group(organization, instrument), []).append(_Row(*row))
    overlapping = {key: _overlapping(rows) for key, rows in groups.items()}
    return {key: found for key, found in overlapping.items() if found}


def _two_sided(rows: QuerySet[Order]) -> dict[Group, int]:
    """How many orders are in each security where a buy may reach a sell."""
    groups = rows.order_by().values_list("organization_id", "instrument_id")
    both = groups.annotate(
        n=Count("pk"),
        sides=Count("side", distinct=True),
        free=Count("pk", filter=Q(limit_price=None)),
        buy=Max("limit_price", filter=Q(side="buy")),
        sell=Min("limit_price", filter=Q(side="sell")),
    ).filter(Q(free__gt=0) | Q(buy__gte=F("sell")), sides=2)
    return {Group(organization, instrument): n for organization, instrument, n, *_ in both}


def _turn(sizes: Mapping[Group, int]) -> list[Group]:
    """Whole securities for one look, beginning after the last one's: none waits behind others."""
    global _after
    keys = sorted(sizes)
    later = [key for key in keys if _after is None or key > _after]
    taken, orders = list[Group](), 0
    for key in [*later, *keys[: len(keys) - len(later)]]:
        orders += sizes[key]
        if taken and orders > _MOST:
            break
        taken.append(key)
    _after = taken[-1] if len(taken) < len(keys) else None
    return taken


def _of(keys: Iterable[Group]) -> Q:
    mine: dict[str, list[int]] = {}
    for key in keys:
        mine.setdefault(key.organization_id, []).append(key.instrument_id)
    wanted = Q()
    for organization_id, securities in mine.items():
        wanted |= Q(organization_id=organization_id, instrument_id__in=securities)
    return wanted


def _overlapping(rows: Sequence[_Row]) -> list[str]:
    """Those whose limit reaches at least one of the other side: no others need be locked.

    Of a security with more orders than a look takes, the best of both sides.
    """
    if len(rows) > _MOST:
        rows = [*_best(rows, "buy"), *_best(rows, "sell")]
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


def _best(rows: Sequence[_Row], side: str) -> list[_Row]:
    sign = -1 if side == "buy" else 1
    mine = [row for row in rows if row.side == side]
    mine.sort(key=lambda row: (row.limit is not None, sign * (row.limit or 0)))
    return mine[: max(_MOST // 2, 1)]


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


def cusips(groups: Iterable[Group]) -> set[str]:
    """The securities of these groups, to look at their books."""
    return {instruments.by_id(key.instrument_id).cusip for key in groups}
