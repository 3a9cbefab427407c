"""How an order meets a book: pure arithmetic, no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from venues.messages import Side
from venues.simulator.market import Level


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade with one level."""

    qty: Decimal
    px: Decimal


def reaches(side: Side, limit: Decimal | None, px: Decimal) -> bool:
    """Whether an order with this limit (None: at any price) may trade at `px`."""
    if limit is None:
        return True
    return px <= limit if side == "1" else px >= limit


def match(
    *,
    side: Side,
    limit: Decimal | None,
    qty: Decimal,
    levels: Sequence[Level],
    whole: bool,
    least: Decimal = Decimal(0),
) -> list[Fill]:
    """The trades of an order over the levels, best first, each at the book's own price.

    `whole`: all of `qty` or nothing; otherwise at least `least`, or all that is left, or nothing.
    """
    fills: list[Fill] = []
    left = qty
    for level in levels:
        if left <= 0 or not reaches(side, limit, level.px):
            break
        taken = allowed(min(left, level.size), level)
        if taken <= 0:
            continue
        fills.append(Fill(taken, level.px))
        left -= taken
    return [] if left > 0 and (whole or qty - left < least) else fills


def allowed(qty: Decimal, level: Level) -> Decimal:
    """As much of `qty` as may be taken from a level: in its pieces, leaving nothing too small."""
    if qty == level.size:
        return qty
    qty = min(qty, level.size - level.min_balance_remaining)
    if level.min_increment:
        qty -= qty % level.min_increment
    return qty if qty >= level.min_size else Decimal(0)
