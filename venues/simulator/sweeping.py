"""Somebody else trades with what rests at the venue: best price first, then by the venue's rule."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import groupby

from venues.messages import Side
from venues.simulator import matching, priority
from venues.simulator.exchange import Exchange
from venues.simulator.priority import Rule, Standing
from venues.simulator.register import Order

# What a session matches by where nothing else is said of it.
RULES = {"FIXSIM": Rule(name="pro_rata", least=Decimal(5_000), increment=Decimal(1_000))}


def sweep(
    exchange: Exchange,
    cusip: str,
    *,
    side: Side,
    qty: Decimal,
    px: Decimal,
    rule: Rule,
    at: datetime,
) -> Decimal:
    """A stranger buys (1) or sells (2) up to `qty` at `px` or better; how much traded.

    Each trade is at the price of who was there first.
    """
    left = qty
    resting = [one for one in exchange.register.live.get(cusip, {}).values() if _may(one)]
    there = [one for one in resting if one.side != side and _meets(one, side, px)]
    sign = 1 if side == "1" else -1
    there.sort(key=lambda one: (sign * (one.price or Decimal(0)), one.stands_since, one.order_id))
    for price, group in groupby(there, key=lambda one: one.price):
        orders = {one.order_id: one for one in group}
        standing = [
            Standing(name, one.shown_qty, one.leaves_qty - one.shown_qty)
            for name, one in orders.items()
        ]
        for name, given in priority.share(left, standing, rule).items():
            assert price is not None
            exchange.fill_late(orders[name].cl_ord_id, at, qty=given, px=price)
            left -= given
    return qty - left


def _may(order: Order) -> bool:
    """Resting at a price, and not a whole that a stranger's part would break."""
    stands = order.begun_at is not None and order.leaves_qty > 0 and order.price is not None
    return stands and not (order.is_whole or order.is_for_auction or order.dealer)


def _meets(order: Order, side: Side, px: Decimal) -> bool:
    return order.price is not None and matching.reaches(side, px, order.price)
