"""Stops that follow the market: the level moves with the best price seen and never back.

A sweep over rows and quotes, page by page, run before `triggers` looks. What it has seen is on the
order, so a restart forgets nothing; it writes only when the level comes a tick nearer, many orders
per event batch, and a quote that would loosen it writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django.db import connection

from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import execution, order_types, time_in_force, tree
from orders.models import Order
from orders.states import ORDER_EXECUTABLE
from orders.tree import Tree

_by = actors.system("triggers")
_odd = draining.Aside("trail")
TICKS = {"equity": Decimal("0.01"), "treasury": Decimal(1) / 256}
TICK = Decimal("0.001")
_PLACES = Decimal("0.00000001")
# By what a seller could get and a buyer would pay; less than a tick is not worth a write.
_MOVED = """
SELECT o.id, CASE o.side WHEN 'sell' THEN p.bid_px ELSE p.ask_px END
FROM orders_order o
JOIN venues_referenceprice p ON p.instrument_id = o.instrument_id
JOIN venues_instrument i ON i.id = o.instrument_id
WHERE o.id > %(after)s AND o.id <> ALL(%(odd)s) AND (%(only)s = '' OR o.id = %(only)s)
  AND o.ord_type = ANY(%(trailing)s) AND o.triggered_at IS NULL
  AND o.status = ANY(%(open)s) AND o.status IN ('partially_filled', 'pending_execution')
  AND (o.released_qty IS NULL OR o.armed_at IS NOT NULL)
  AND o.eligible_at <= %(at)s AND o.expires_at > %(at)s
  AND p.source <> 'evaluated' AND NOT p.crossed AND p.at >= o.approved_at
  AND CASE o.side WHEN 'sell' THEN p.bid_px ELSE p.ask_px END IS NOT NULL
  AND (o.water_mark IS NULL OR
    (CASE o.side WHEN 'sell' THEN p.bid_px - o.water_mark ELSE o.water_mark - p.ask_px END)
    * (1 + CASE o.side WHEN 'sell' THEN -1 ELSE 1 END * coalesce(o.trail_percent, 0) / 100)
    >= CASE i.asset_class WHEN 'equity' THEN %(equity)s WHEN 'treasury' THEN %(treasury)s
       ELSE %(other)s END)
ORDER BY o.id LIMIT %(limit)s
FOR NO KEY UPDATE OF o SKIP LOCKED
"""


def drain(*, limit: int = 200) -> int:
    """Let stops follow, page by page, each in one transaction. Returns how many levels moved.

    One whose level cannot be worked out is left out for a while, with a break; the others follow.
    """
    moved, found = 0, [""]
    while True:
        after, found = found[-1], []

        def together(taken: list[str], after: str = after) -> int:
            return _page(limit, after, taken)

        moved += draining.safely(
            together,
            lambda order_id: _page(1, "", [], order_id),
            aside=lambda order_id, error: _odd.put(order_id, error, order_id=order_id),
            taken=found,
        )
        if len(found) < limit:
            return moved


def _page(limit: int, after: str, taken: list[str], only: str = "") -> int:
    """How many levels of a page moved; notes whom it looks at."""
    at, moved = clock.now(), 0
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        seen = _moved(at, limit, after, only)
        taken += seen
        for order_id, one in tree.lock(work, seen).items():
            # Those whose market is shut stay as they are, and must not fill the next page again.
            if time_in_force.is_open(one.order, at=at):
                moved += _follow(work, one, seen[order_id], at=at)
    return moved


def level_of(
    side: str, mark: Decimal, *, amount: Decimal | None, percent: Decimal | None
) -> Decimal:
    """Where a stop stands behind a mark: below it for a sell, above it for a buy. Above zero."""
    away = amount if amount is not None else mark * (percent or Decimal(0)) / 100
    level = mark - away if side == "sell" else mark + away
    return max(level.quantize(_PLACES, ROUND_HALF_EVEN), _PLACES)


def better(side: str, mark: Decimal | None, price: Decimal) -> Decimal:
    """The better of a mark and a price: the highest bid of a sell, the lowest ask of a buy."""
    if mark is None:
        return price
    return max(mark, price) if side == "sell" else min(mark, price)


def nearer(side: str, level: Decimal | None, other: Decimal) -> Decimal:
    """The level that is nearer to the market; what stands is never loosened."""
    if level is None:
        return other
    return max(level, other) if side == "sell" else min(level, other)


def tick_of(asset_class: str) -> Decimal:
    """The step that is worth a write."""
    return TICKS.get(asset_class, TICK)


def _moved(at: datetime, limit: int, after: str, only: str) -> Mapping[str, Decimal]:
    asked: dict[str, Any] = {
        "trailing": sorted(order_types.TRAILING),
        "open": sorted(str(status) for status in ORDER_EXECUTABLE),
        "at": at,
        "limit": limit,
        "after": after,
        "only": only,
        "odd": _odd.keys(),
        "equity": tick_of("equity"),
        "treasury": tick_of("treasury"),
        "other": TICK,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, asked)
        return dict(cursor.fetchall())


def _follow(work: Unit, one: Tree, price: Decimal, *, at: datetime) -> bool:
    """Note the mark and the level that follows from it; false when that would change nothing."""
    order: Order = one.order
    mark = better(order.side, order.water_mark, price)
    level = nearer(
        order.side,
        order.trigger_price,
        level_of(order.side, mark, amount=order.trail_amount, percent=order.trail_percent),
    )
    if not order.awaits_trigger or (mark, level) == (order.water_mark, order.trigger_price):
        return False
    was = order.trigger_price
    order.trail(water_mark=mark, trigger_price=level)
    body = {
        **execution.naming(one),
        "water_mark": mark,
        "trigger_price": level,
        "was_trigger_price": was,
    }
    execution.record(work, one, "trail", body, by=_by, at=at)
    return True
