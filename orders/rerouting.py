"""Moving what rests at one venue to where it would trade now, without ever offering it twice.

Two steps, each a sweep over rows: ask the venue to cancel, and only when it has said that the order
is gone send what is left elsewhere. Between the two nothing of it is at a venue. A cancel for this
has an id of its own kind, so that after a restart it is still known what it was for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import execution, sor, time_in_force, tree
from orders.models import ExecutionOrder, ReplaceLeg, VenueOrder
from orders.models.order import ZERO
from orders.states import (
    ORDER_EXECUTABLE,
    VENUE_TERMINAL,
    Pending,
    ReplaceStatus,
    VenueStatus,
)
from orders.tree import Tree
from venues import transmission
from venues.models import RoutingDecision, TopOfBook

STRATEGY = "smart_order_routing"
CANCELS = "vr"  # what the ClOrdID of such a cancel begins with
RESTS_FOR = timedelta(seconds=5)
# How often one execution order is moved: markets that flicker are not chased.
MOST_MOVES = 3
# By how many price points another venue has to be better where this one would trade too.
LEAST_GAIN = Decimal("0.01")
_by = actors.system("smart-routing")
_WORKING = sorted({VenueStatus.NEW.value, VenueStatus.PARTIALLY_FILLED.value})
_asking, _placing = draining.Turns(), draining.Turns()
_odd = draining.Aside("reroute")


def sweep(*, limit: int = 200) -> int:
    """Place what venues have given back, then ask for what would trade elsewhere by now.

    An order that can be neither placed nor asked about stays where it is for a while, with a break.
    """
    return _place(limit) + _ask(limit)


def _put_aside(order_id: str, error: Exception) -> None:
    _odd.put(order_id, error, order_id=order_id)


def gave_back(child: VenueOrder) -> bool:
    """Whether its venue confirmed a cancel of ours that was to move the rest elsewhere.

    A venue that refused it and canceled later did that by itself: no cancel was counted any more.
    """
    ours = child.cancel_cl_ord_id.startswith(f"{CANCELS}_") and child.cancels_sent > 0
    return ours and child.status == VenueStatus.CANCELED


def owes(one: Tree, row: ExecutionOrder) -> Decimal:
    """How much venues gave back to be moved that is at no venue yet, and that somebody still wants.

    What another venue refused or canceled by itself is not tried again here.
    """
    children, order = one.venue_orders[row.id], one.order
    stopping = {row.pending, order.pending} & {Pending.CANCEL, Pending.EXPIRE}
    lives = not row.is_terminal and order.status in ORDER_EXECUTABLE
    if stopping or not lives or not any(gave_back(child) for child in children):
        return ZERO
    legs = ReplaceLeg.objects.filter(order_id=order.id, emulated=True, venue_order__in=children)
    over = set(
        legs.filter(status=ReplaceStatus.REPLACED.value).values_list("venue_order_id", flat=True)
    )
    taken = sum(
        (
            # Of what was moved or replaced by another, only what it had done is its own.
            child.cum_qty if gave_back(child) or child.id in over else max(child.qty, child.cum_qty)
            for child in children
        ),
        ZERO,
    )
    # What venues may still do counts in full, also where they were asked to stop.
    working = sum((child.leaves_qty for child in one.working(row)), ZERO)
    return max(min(row.qty - taken, row.leaves_qty - working, order.leaves_qty), ZERO)


# --- asking ----------------------------------------------------------------------------------


def _ask(limit: int) -> int:
    at = clock.now()
    resting = _resting(at, limit)
    if not resting:
        return 0
    generation.check()

    def together(taken: list[str]) -> int:
        taken += sorted({child.order_id for child in resting})
        return _move(resting)

    def alone(order_id: str) -> int:
        return _move([child for child in resting if child.order_id == order_id])

    return draining.safely(together, alone, aside=_put_aside)


def _move(resting: Sequence[VenueOrder]) -> int:
    sor.look(child.order_id for child in resting)
    at = clock.now()
    better = {child.id: why for child in resting if (why := _why_move(child, at=at))}
    if not better:
        return 0
    moved = 0
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        trees = tree.lock(work, [c.order_id for c in resting if c.id in better])
        for one in trees.values():
            for row in one.live():
                for child in one.working(row):
                    if child.id in better and _movable(one, row, child, at):
                        _request(work, one, row, child, better[child.id], at=at)
                        moved += 1
    return moved


def _resting(at: datetime, limit: int) -> list[VenueOrder]:
    """The next page of what smart routing placed a while ago, that nobody is changing and that
    another venue would trade by the best prices it has told.
    """
    open_ = VenueOrder.objects.exclude(status__in=sorted(VENUE_TERMINAL))
    rows = open_.exclude(order_id__in=_odd.keys()).filter(
        status__in=_WORKING,
        pending="",
        in_doubt=False,
        created_at__lte=at - RESTS_FOR,
        execution_order__strategy=STRATEGY,
        execution_order__pending="",
        execution_order__all_or_none=False,
        order__pending="",
        order__min_qty=None,
    )
    # What is for the open or the close waits where it is: it trades now nowhere.
    rows = rows.exclude(order__time_in_force__in=time_in_force.AUCTIONS).filter(_would_trade())
    return _asking.page(rows.select_related("order", "execution_order"), limit)


def _would_trade() -> Q:
    """Whether another venue's best price is within the limit, by the prices that are stored."""
    tops = TopOfBook.objects.filter(instrument=OuterRef("order__instrument"))
    tops = tops.exclude(venue=OuterRef("venue"))
    offered = Exists(tops.filter(ask_px__lte=OuterRef("limit_price")))
    wanted = Exists(tops.filter(bid_px__gte=OuterRef("limit_price")))
    return Q(limit_price=None) | Q(order__side="buy") & offered | Q(order__side="sell") & wanted


def _movable(one: Tree, row: ExecutionOrder, child: VenueOrder, at: datetime) -> bool:
    """Still so under the lock, and not moved too often already."""
    idle = not (child.pending or child.in_doubt or row.pending or one.order.pending)
    rests = child.status in _WORKING and child.created_at <= at - RESTS_FOR
    if not (idle and rests and one.order.status in ORDER_EXECUTABLE):
        return False
    asked = sum(
        other.cancel_cl_ord_id.startswith(f"{CANCELS}_") for other in one.venue_orders[row.id]
    )
    return asked < MOST_MOVES


def _why_move(child: VenueOrder, *, at: datetime) -> str:
    """What speaks for another venue, in words; empty when this one will do.

    Only on the word of live books, also this venue's: what it shows is what we give up.
    """
    order, row = child.order, child.execution_order
    stays = sor.here(order, row, venue_id=child.venue_id, at=at)
    if stays is None:
        return ""
    goes = sor.elsewhere(order, row, qty=child.leaves_qty, than=child.venue_id, at=at)
    if goes is None or goes.scored_px is None:
        return ""
    if not stays.depth or stays.scored_px is None:
        return f"{goes.venue_id} would trade now and {child.venue_id} does not"
    better = stays.scored_px - goes.scored_px
    gain = better if order.side == "buy" else -better
    if gain < LEAST_GAIN:
        return ""
    return f"{goes.venue_id} is better than {child.venue_id} by {gain.normalize():f}"


def _request(
    work: Unit, one: Tree, row: ExecutionOrder, child: VenueOrder, why: str, *, at: datetime
) -> None:
    execution.request_cancel(work, one, child, at=at, prefix=CANCELS)
    body = {**execution.naming(one, row), "pending": "reroute", "reason": why}
    execution.record(
        work,
        one,
        "venue_cancel_request",
        body,
        msg_type=MsgType.INTERNAL,
        also=(child,),
        by=_by,
        at=at,
    )


# --- placing ---------------------------------------------------------------------------------


def _place(limit: int) -> int:
    """Send on what was given back. A person who stopped the order meanwhile has had his way."""
    given_back = VenueOrder.objects.filter(
        status=VenueStatus.CANCELED.value,
        cancels_sent__gt=0,
        cancel_cl_ord_id__startswith=f"{CANCELS}_",
        # Found from the orders that are open: those have an index, and are few beside all children.
        order__status__in=sorted(status.value for status in ORDER_EXECUTABLE),
        execution_order__status__in=sorted(status.value for status in ORDER_EXECUTABLE),
        execution_order__pending="",
        order__pending="",
    )
    works = VenueOrder.objects.filter(execution_order=OuterRef("execution_order"))
    per_part = works.exclude(status__in=sorted(VENUE_TERMINAL)).values("execution_order")
    working = Subquery(per_part.annotate(n=Sum("leaves_qty")).values("n"))
    at_venues = Coalesce(working, Value(ZERO))
    lacking = given_back.filter(execution_order__leaves_qty__gt=at_venues)
    lacking = lacking.exclude(order_id__in=_odd.keys())
    names = sorted({child.order_id for child in _placing.page(lacking, limit)})
    if not names:
        return 0
    generation.check()

    def together(taken: list[str]) -> int:
        taken += names
        return _send_all_on(names)

    return draining.safely(together, lambda name: _send_all_on([name]), aside=_put_aside)


def _send_all_on(names: Sequence[str]) -> int:
    sor.look(names)
    at = clock.now()
    placed = 0
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        for one in tree.lock(work, names).values():
            for row in one.live():
                placed += _send_on(work, one, row, at=at)
    return placed


def _send_on(work: Unit, one: Tree, row: ExecutionOrder, *, at: datetime) -> int:
    qty = owes(one, row)
    if qty <= 0 or row.pending or one.order.pending or at >= one.order.expires_at:
        return 0
    decision, kept = sor.decide(work, one.order, row, qty=qty, at=at, kind="reroute")
    if not decision.slices:
        return 0  # nobody takes it now: the next sweep looks again, the end of the day ends it
    fresh = execution.children_of(one.order, row, decision, at)
    work.add(*fresh, kept)
    one.venue_orders[row.id].extend(fresh)
    _record(work, one, row, fresh, kept, at=at)
    for child in fresh:
        message = execution.new_order(one, row, child, at)
        transmission.queue(work, child.venue_id, message, at=at)
    return len(fresh)


def _record(
    work: Unit,
    one: Tree,
    row: ExecutionOrder,
    fresh: Sequence[VenueOrder],
    kept: RoutingDecision,
    *,
    at: datetime,
) -> None:
    body = {
        **execution.naming(one, row),
        "routing": kept.reason,
        "venue_orders": [{"cl_ord_id": c.id, "venue_id": c.venue_id} for c in fresh],
    }
    also = (kept, *fresh)
    execution.record(work, one, "execution_order_reroute", body, also=also, by=_by, at=at)
