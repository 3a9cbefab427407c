"""Orders that wait for a price: released when a venue's quote reaches their stop price.

A sweep over rows and quotes, so a restart forgets nothing: an order whose price came while nobody
watched is released at the next look and its event says `late_trigger`. A quote from before the
order was approved, or one that no venue made, releases nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from oms_site.firm import generation
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import execution, order_types, rulesets, time_in_force, tree
from orders.models import Order
from orders.states import ORDER_EXECUTABLE
from orders.tree import Tree
from venues import instruments

_by = actors.system("triggers")
LATE = timedelta(seconds=15)
# A buy pays the ask and a sell gets the bid, so those are what has to reach the price.
_REACHED = """
SELECT o.id, p.bid_px, p.ask_px, p.source, p.at
FROM orders_order o JOIN venues_referenceprice p ON p.instrument_id = o.instrument_id
WHERE o.stop_price IS NOT NULL AND o.triggered_at IS NULL AND o.pending = ''
  AND o.status = ANY(%(open)s)
  AND o.eligible_at <= %(at)s AND o.expires_at > %(at)s
  AND p.source <> 'evaluated' AND p.at >= o.approved_at
  AND CASE
    WHEN o.side = 'buy' AND o.ord_type = ANY(%(adverse)s) THEN p.ask_px >= o.stop_price
    WHEN o.side = 'buy' THEN p.ask_px <= o.stop_price
    WHEN o.ord_type = ANY(%(adverse)s) THEN p.bid_px <= o.stop_price
    ELSE p.bid_px >= o.stop_price END
ORDER BY o.id LIMIT %(limit)s
FOR NO KEY UPDATE OF o SKIP LOCKED
"""
Seen = tuple[Decimal, Decimal, str, datetime]


def drain(*, limit: int = 200) -> int:
    """Release what is due, in one transaction. Returns how many orders were released."""
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        seen = _reached(at, limit)
        released = 0
        for order_id, one in tree.lock(work, seen).items():
            if time_in_force.is_open(one.order, at=at):
                _release(work, one, seen[order_id], at=at)
                released += 1
    return released


def _reached(at: datetime, limit: int) -> Mapping[str, Seen]:
    asked: dict[str, Any] = {
        "open": sorted(str(status) for status in ORDER_EXECUTABLE),
        "adverse": sorted(order_types.ADVERSE),
        "at": at,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, asked)
        return {row[0]: row[1:] for row in cursor.fetchall()}


def _release(work: Unit, one: Tree, seen: Seen, *, at: datetime) -> None:
    order = one.order
    bid, ask, source, quoted_at = seen
    order.trigger(at=at, route_at=_route_at(order, at))
    body: dict[str, Any] = {
        **execution.naming(one),
        "stop_price": order.stop_price,
        "bid": bid,
        "ask": ask,
        "source": source,
        "quoted_at": quoted_at,
        "late_trigger": at - quoted_at > LATE,
    }
    execution.record(work, one, "trigger", body, by=_by, at=at)
    if order.route_at is not None:
        work.ring("orders.tasks.route")


def _route_at(order: Order, at: datetime) -> datetime | None:
    """Now; None leaves it staged, as its instructions or the rules say."""
    chosen = rulesets.choose(order, instruments.by_id(order.instrument_id))
    return at if chosen.instructions else None
