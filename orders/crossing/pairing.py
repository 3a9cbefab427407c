"""Which orders cross at one price, and how much: plain arithmetic, earlier orders first.

The same interests and price always give the same pairs. It looks nothing up and decides no price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from orders.terms import worse_limit

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Interest:
    """What one order may cross: `free` of it nobody executes; `whole` is all or nothing.

    `least` is the smallest piece that it takes.
    """

    order_id: str
    side: str
    free: Decimal
    limit: Decimal | None
    accounts: frozenset[str]
    since: datetime
    whole: bool = False
    least: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Sizes:
    """How an instrument trades: in steps of `step`, never a piece smaller than `least`."""

    step: Decimal
    least: Decimal


@dataclass(frozen=True, slots=True)
class Pair:
    """A buy and a sell that cross, and how much of each."""

    buy: str
    sell: str
    qty: Decimal


def pairs(interests: Sequence[Interest], *, price: Decimal, sizes: Sizes) -> list[Pair]:
    """The crosses at a price inside both limits of every pair; earlier orders come first."""
    ready = sorted(
        (one for one in interests if not worse_limit(one.side, one.limit, price)),
        key=lambda one: (one.since, one.order_id),
    )
    left = {one.order_id: one.free for one in ready}
    found = []
    for buy in (one for one in ready if one.side == "buy"):
        for sell in (one for one in ready if one.side == "sell"):
            if not strangers(buy, sell):
                continue
            qty = amount(buy, sell, left[buy.order_id], left[sell.order_id], sizes)
            if qty > 0:
                left[buy.order_id] -= qty
                left[sell.order_id] -= qty
                found.append(Pair(buy.order_id, sell.order_id, qty))
    return found


def strangers(buy: Interest, sell: Interest) -> bool:
    """Whether no account stands on both sides. For whom nobody has said, that is not known."""
    known = buy.accounts and sell.accounts
    return bool(known) and not buy.accounts & sell.accounts


def amount(
    buy: Interest, sell: Interest, of_buy: Decimal, of_sell: Decimal, sizes: Sizes
) -> Decimal:
    """The most that both can trade so that what is left of either can still trade; 0 for nothing.

    `of_buy` and `of_sell` are what is left of them now.
    """
    qty, lower = _down(min(of_buy, of_sell), sizes.step), ZERO
    # Less for one side may leave too little of the other: until neither has a small rest.
    while qty > 0 and (small := [x for x in (of_buy, of_sell) if ZERO < x - qty < sizes.least]):
        lower = _down(min(small) - sizes.least, sizes.step)
        qty = max(lower, ZERO)
    broken = (buy.whole and qty != buy.free) or (sell.whole and qty != sell.free)
    return ZERO if broken or qty < max(sizes.least, buy.least, sell.least) else qty


def _down(qty: Decimal, step: Decimal) -> Decimal:
    return qty - qty % step if step else qty
