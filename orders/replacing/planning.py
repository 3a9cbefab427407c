"""What has to change below an order for its new terms: pure arithmetic over its tree.

Quantity that no execution order has taken changes first, then what dealers are only asked about,
then what no venue works, then what venues work: the newest first, each down to what it has done.
More goes to one execution order that has all of the order, else it is free; a slice of a schedule
never grows, and never trades beyond its schedule's own limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from oms_site.kit.errors import OmsError
from orders import closing, markups, terms
from orders.models import ExecutionOrder, VenueOrder
from orders.schedules import measuring
from orders.schedules import rows as schedules
from orders.tree import Tree

RFQ = "rfq"


@dataclass(frozen=True, slots=True)
class LegPlan:
    """A venue order with the whole quantity and the limit that its venue is to be asked for."""

    row: ExecutionOrder
    child: VenueOrder
    qty: Decimal
    limit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class RowPlan:
    """An execution order that no venue works, with its new terms: they need nobody's answer."""

    row: ExecutionOrder
    qty: Decimal
    limit_price: Decimal | None


def plan(one: Tree, *, qty: Decimal, limit_price: Decimal | None, at: datetime) -> list[LegPlan]:
    """What venues must be asked for a new whole quantity and limit; they hear the street's limit.

    Raises `OmsError` (409) when what is below the order cannot follow.
    """
    live = one.live()
    for row in live:
        _refuse_busy(row)
    sizes = _sizes(one, live, qty)
    legs: list[LegPlan] = []
    for row in live:
        if row.protocol == RFQ:
            # A quote is hit or not; nobody replaces it.
            continue
        size, limit = sizes.get(row.id, row.qty), limit_of(one, row, limit_price)
        if (size, limit) != (row.qty, row.limit_price):
            told = markups.street_limit(one.order, limit, at=at, given=row.fees)
            legs.extend(_legs(row, one.working(row), size - row.qty, told))
    return legs


def unworked(one: Tree, *, qty: Decimal, limit_price: Decimal | None) -> list[RowPlan]:
    """Execution orders that no venue works and that the new terms change: nobody else answers."""
    live = one.live()
    sizes = _sizes(one, live, qty)
    found = []
    for row in live:
        size, limit = sizes.get(row.id, row.qty), limit_of(one, row, limit_price)
        if not one.working(row) and (size, limit) != (row.qty, row.limit_price):
            found.append(RowPlan(row, size, limit))
    return found


def _refuse_busy(row: ExecutionOrder) -> None:
    if row.pending:
        raise OmsError(
            "execution_order_pending",
            "An execution order of it is being stopped: wait for its venue.",
            status=409,
        )


def _sizes(one: Tree, live: list[ExecutionOrder], qty: Decimal) -> dict[str, Decimal]:
    """New whole quantities by execution order, where they change."""
    order = one.order
    more = qty - order.order_qty
    if more > 0:
        # What nobody has taken grows; only an order that one place works altogether grows there.
        alone = len(live) == 1 and one.free() == 0
        grows = alone and live[0].protocol != RFQ and live[0].origin != closing.SLICE
        return {live[0].id: live[0].qty + more} if grows else {}
    excess, sizes = one.committed() - (qty - order.cum_qty), dict[str, Decimal]()
    for row in _easiest(one, live):
        cut = min(max(excess, Decimal(0)), row.leaves_qty)
        if row.protocol == RFQ:
            # An inquiry is pulled back as a whole, before any of this.
            excess -= row.leaves_qty
        elif cut:
            sizes[row.id], excess = row.qty - cut, excess - cut
    return sizes


def _easiest(one: Tree, live: list[ExecutionOrder]) -> list[ExecutionOrder]:
    """Who gives up quantity first: inquiries, what no venue works, then the newest."""
    newest = sorted(live, key=lambda row: (row.created_at, row.id), reverse=True)
    return sorted(newest, key=lambda row: (row.protocol != RFQ, bool(one.working(row))))


def limit_of(one: Tree, row: ExecutionOrder, limit_price: Decimal | None) -> Decimal | None:
    """An execution order's limit when its order's is to be `limit_price`, as the client sees both.

    One that took the order's limit follows it; a better one stays while it is no worse.
    """
    order = one.order
    worse = terms.worse_limit(order.side, limit_price, row.limit_price)
    if row.limit_price != order.limit_price and not worse:
        return row.limit_price
    return measuring.tighter(order.side, limit_price, schedules.own_limit(row))


def _legs(
    row: ExecutionOrder, working: list[VenueOrder], more: Decimal, limit: Decimal | None
) -> Iterator[LegPlan]:
    """The last venue order changes first; none below what it has done."""
    for child in reversed(working):
        size = child.qty + more if more >= 0 else max(child.qty + more, child.cum_qty)
        more -= size - child.qty
        if (size, limit) != (child.qty, child.limit_price):
            yield LegPlan(row, child, size, limit)
