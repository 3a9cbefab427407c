"""One cross, written: two execution orders, two fills, one row that ties them. Both or nothing.

Each side goes down the same tree as any fill, so sums, allocation and booking follow by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders import execution, fills, render
from orders.clearances import Clearance
from orders.crossing.deciding import Market
from orders.crossing.pairing import Pair
from orders.execution import Issue
from orders.models import Cross, Execution, ExecutionOrder, VenueOrder
from orders.models.cross import PROTOCOL, STRATEGY, VENUE
from orders.requests import Instruction
from orders.rescreen import Looked, evidence
from orders.tree import Tree
from venues.calendar import new_york_date
from venues.models import RoutingDecision

ORIGIN = "crossing"


@dataclass(frozen=True, slots=True)
class Side:
    """One order of a pair with all that lets it cross."""

    one: Tree
    clearance: Clearance
    look: Looked


@dataclass(frozen=True, slots=True)
class _Part:
    """One side as it will be written; `was_due` is when it was to be routed."""

    row: ExecutionOrder
    child: VenueOrder
    kept: RoutingDecision
    fill: Execution
    was_due: datetime | None


def instruction(one: Tree, qty: Decimal, price: Decimal) -> Instruction:
    """What a side is told to do: that much at the mid, inside."""
    return Instruction(
        protocol=PROTOCOL,
        strategy=STRATEGY,
        venue_id=VENUE,
        qty=qty,
        limit_price=price,
        all_or_none=one.order.all_or_none,
    )


def carry_out(
    work: Unit, sides: Mapping[str, Side], pair: Pair, market: Market, *, by: Actor, at: datetime
) -> Cross:
    """Write one cross. Raises `OmsError` before anything is made when a side may not."""
    assert market.price is not None
    asked = {name: instruction(side.one, pair.qty, market.price) for name, side in sides.items()}
    for name, side in sides.items():
        execution.check(side.one, asked[name], at=at)
    cross_id = ids.prefixed("cx")
    made = {
        name: _prepare(work, side, asked[name], market, pair, cross_id, by=by, at=at)
        for name, side in sides.items()
    }
    cross = _row(cross_id, sides, made, pair, market, at)
    work.add(cross)
    for name, side in sides.items():
        # The row itself belongs to one event; the buyer's has it.
        also = (cross,) if name == "buy" else ()
        _record(work, side, made[name], cross, also=also, by=by, at=at)
        part = made[name]
        if part.was_due is not None and pair.qty < side.one.order.leaves_qty:
            side.one.order.carry(route_at=part.was_due)  # what is left goes on to the venues
        fills.apply(
            work,
            side.one,
            part.row,
            part.fill,
            by=by,
            at=at,
            venue_order=part.child,
            extra={"cross_id": cross_id},
        )
    return cross


def _prepare(
    work: Unit,
    side: Side,
    asked: Instruction,
    market: Market,
    pair: Pair,
    cross_id: str,
    *,
    by: Actor,
    at: datetime,
) -> _Part:
    """The execution order and venue order of a side, and the fill that is to be applied."""
    one, was_due = side.one, side.one.order.route_at
    issue = Issue(asked, ORIGIN, evidence=evidence(side.look))
    (row,) = execution.issue(work, one, [issue], clearance=side.clearance, by=by, at=at)
    child = _venue_order(row, at)
    kept = market.decision(pair, row, one.order)
    work.add(child, kept)
    one.venue_orders[row.id].append(child)
    fill = fills.make(
        one,
        row,
        source=VENUE,
        exec_id=f"{cross_id}/{one.order.side}",
        qty=pair.qty,
        price=asked.limit_price or Decimal(0),
        trade_date=new_york_date(at),
        executed_at=at,
        received_at=at,
        venue_order=child,
    )
    return _Part(row, child, kept, fill, was_due)


def _venue_order(row: ExecutionOrder, at: datetime) -> VenueOrder:
    return VenueOrder(
        id=ids.prefixed("vo"),
        organization_id=row.organization_id,
        order_id=row.order_id,
        execution_order_id=row.id,
        venue_id=VENUE,
        qty=row.qty,
        leaves_qty=row.qty,
        limit_price=row.limit_price,
        created_at=at,
    )


def _row(
    cross_id: str,
    sides: Mapping[str, Side],
    made: Mapping[str, _Part],
    pair: Pair,
    market: Market,
    at: datetime,
) -> Cross:
    assert market.price is not None
    bid, ask = market.best
    order = sides["buy"].one.order
    return Cross(
        id=cross_id,
        organization_id=order.organization_id,
        instrument_id=order.instrument_id,
        qty=pair.qty,
        price=market.price,
        bid_px=bid.px,
        ask_px=ask.px,
        buy_order_id=order.id,
        sell_order_id=sides["sell"].one.order.id,
        buy_execution_id=made["buy"].fill.id,
        sell_execution_id=made["sell"].fill.id,
        reason=market.words(pair),
        crossed_at=at,
    )


def _record(
    work: Unit,
    side: Side,
    part: _Part,
    cross: Cross,
    *,
    also: tuple[Cross, ...],
    by: Actor,
    at: datetime,
) -> None:
    """Tell one side; nothing of it names the other order."""
    one = side.one
    body = {
        **execution.naming(one, part.row),
        "cross_id": cross.id,
        "execution_id": part.fill.id,
        "amount": render.amount(cross.qty, one.order.amount_type),
        "price": render.tidy(cross.price),
        "routing": cross.reason,
        "venue_orders": [{"cl_ord_id": part.child.id, "venue_id": VENUE}],
    }
    rows = (part.kept, part.child, *also)
    execution.record(work, one, "internal_cross", body, also=rows, by=by, at=at)
