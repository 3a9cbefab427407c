"""What trades at the open and at the close, and what would trade although it only waits.

Pure: reads the order and the book. There is no auction here: the price is where the book stands.
"""

from __future__ import annotations

from decimal import Decimal

from venues.simulator import matching
from venues.simulator.market import Market
from venues.simulator.matching import Fill
from venues.simulator.register import ZERO, Order


def fill(order: Order, market: Market) -> Fill | None:
    """The trade of an order for this moment's price, as much as stands; None without one."""
    px = market.reference(order.security_id)
    if not order.is_for_auction or not matching.reaches(order.side, order.price, px):
        return None
    sizes = [one.size for one in market.levels(order.security_id, order.side)]
    qty = min(order.leaves_qty, sum(sizes, ZERO))
    least = order.order_qty if order.is_whole else order.min_qty or ZERO
    return Fill(qty, px) if qty > 0 and qty >= min(least, order.leaves_qty) else None


def would_cross(order: Order, price: Decimal | None, market: Market) -> bool:
    """Whether an order that only waits would trade at once at this price."""
    levels = market.levels(order.security_id, order.side)
    crosses = bool(levels) and matching.reaches(order.side, price, levels[0].px)
    return order.is_post_only and crosses
