"""Orders that wait for a price: released when a venue's quote reaches their stop price.

A sweep over rows and quotes, so a restart forgets nothing: an order whose price came while nobody
watched is released at the next look and its event says `late_trigger`. A quote from before the
order was approved, or one that no venue made, releases nothing. What a list of orders holds back
altogether is not watched yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import execution, order_types, rulesets, time_in_force, tree
from orders.models import Order, PriceWatch
from orders.states import ORDER_EXECUTABLE
from orders.tree import Tree
from venues import instruments

_by = actors.system("triggers")
_odd = draining.Aside("trigger")
LATE = timedelta(seconds=15)
# A buy pays the ask and a sell gets the bid, so those are what has to reach the price.
_REACHED = """
SELECT o.id, p.bid_px, p.ask_px, p.source, p.at
FROM orders_order o JOIN venues_referenceprice p ON p.instrument_id = o.instrument_id
CROSS JOIN LATERAL (SELECT coalesce(o.stop_price, o.trigger_price) AS px) level
WHERE o.id > %(after)s AND o.id <> ALL(%(odd)s) AND (%(only)s = '' OR o.id = %(only)s)
  AND (o.stop_price IS NOT NULL OR o.ord_type = ANY(%(trailing)s))
  AND level.px IS NOT NULL AND o.triggered_at IS NULL AND o.pending = ''
  AND (o.released_qty IS NULL OR o.armed_at IS NOT NULL)
  AND o.status = ANY(%(open)s)
  AND o.eligible_at <= %(at)s AND o.expires_at > %(at)s
  AND p.source <> 'evaluated' AND NOT p.crossed AND p.at >= o.approved_at
  AND CASE
    WHEN o.side = 'buy' AND o.ord_type = ANY(%(adverse)s) THEN p.ask_px >= level.px
    WHEN o.side = 'buy' THEN p.ask_px <= level.px
    WHEN o.ord_type = ANY(%(adverse)s) THEN p.bid_px <= level.px
    ELSE p.bid_px >= level.px END
ORDER BY o.id LIMIT %(limit)s
FOR NO KEY UPDATE OF o SKIP LOCKED
"""
_WATCH = "stops"
_LOOKED = """
INSERT INTO orders_pricewatch (name, looked_at) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE
    SET looked_at = greatest(orders_pricewatch.looked_at, excluded.looked_at)
"""
Seen = tuple[Decimal, Decimal, str, datetime]


def drain(*, limit: int = 200) -> int:
    """Release what is due, page by page, each in one transaction. Returns how many were released.

    What it has looked at counts as watched only when the last page is done. An order that cannot
    be released is left out for a while, with a break; the others are released.
    """
    began = clock.now()
    unwatched, released, found = _unwatched_since(began), 0, [""]
    while True:
        after, found = found[-1], []

        def together(taken: list[str], after: str = after) -> int:
            return _page(limit, after, unwatched, taken)

        released += draining.safely(
            together,
            lambda order_id: _page(1, "", unwatched, [], order_id),
            aside=lambda order_id, error: _odd.put(order_id, error, order_id=order_id),
            taken=found,
        )
        if len(found) < limit:
            break
    with connection.cursor() as cursor:
        cursor.execute(_LOOKED, [_WATCH, began])
    return released


def _page(
    limit: int, after: str, unwatched: datetime | None, taken: list[str], only: str = ""
) -> int:
    """How many orders of a page were released; notes whom it looks at."""
    at, released = clock.now(), 0
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        seen = _reached(at, limit, after, only)
        taken += seen
        for order_id, one in tree.lock(work, seen).items():
            # Those whose market is shut wait on, and must not fill the next page again.
            if time_in_force.is_open(one.order, at=at):
                _release(work, one, seen[order_id], unwatched, at=at)
                released += 1
    return released


def _unwatched_since(at: datetime) -> datetime | None:
    """When it was looked last, if that is too long ago; None while somebody watches."""
    last = PriceWatch.objects.filter(name=_WATCH).values_list("looked_at", flat=True).first()
    return last if last is not None and at - last > LATE else None


def _reached(at: datetime, limit: int, after: str, only: str) -> Mapping[str, Seen]:
    asked: dict[str, Any] = {
        "open": sorted(str(status) for status in ORDER_EXECUTABLE),
        "adverse": sorted(order_types.ADVERSE),
        "trailing": sorted(order_types.TRAILING),
        "at": at,
        "limit": limit,
        "after": after,
        "only": only,
        "odd": _odd.keys(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, asked)
        return {row[0]: row[1:] for row in cursor.fetchall()}


def _release(
    work: Unit, one: Tree, seen: Seen, unwatched: datetime | None, *, at: datetime
) -> None:
    order = one.order
    bid, ask, source, quoted_at = seen
    order.trigger(at=at, route_at=_route_at(order, at))
    body: dict[str, Any] = {
        **execution.naming(one),
        "stop_price": order.stop_price if order.stop_price is not None else order.trigger_price,
        "bid": bid,
        "ask": ask,
        "source": source,
        "quoted_at": quoted_at,
        "late_trigger": at - quoted_at > LATE or _was_missed(order, unwatched),
    }
    execution.record(work, one, "trigger", body, by=_by, at=at)
    if order.route_at is not None:
        work.ring("orders.tasks.route")


def _was_missed(order: Order, unwatched: datetime | None) -> bool:
    """Whether its price may have come while nobody watched: we were away, and it waited before."""
    since = order.armed_at or order.approved_at
    return unwatched is not None and since is not None and since <= unwatched


def _route_at(order: Order, at: datetime) -> datetime | None:
    """Now; None leaves it staged, as its instructions or the rules say, or while it is held."""
    if order.is_held:
        return None
    chosen = rulesets.choose(order, instruments.by_id(order.instrument_id))
    return at if chosen.instructions else None
