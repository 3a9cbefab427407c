"""How an allocation came about, line by line: fills, shares, pieces, and sums that must agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from allocations import reversing
from allocations.models import AccountAllocation, Allocation, BookingLeg
from orders import charges, fills
from orders.models import Execution

_MONEY = ("qty", "principal", "accrued_interest", "fees")
ZERO = Decimal(0)


def of(
    allocation: Allocation, accounts: Sequence[AccountAllocation], legs: Sequence[BookingLeg]
) -> dict[str, Any]:
    """The template variables of the page: every number of it can be recomputed from the lines."""
    executed = list(fills.of_order(allocation.order_id))
    standing = {fill.id for fill in charges.standing(executed)}
    counted = {leg.id for leg in reversing.standing(legs)}
    steps = []
    for key in _in_order(legs):
        same = [leg for leg in legs if (tuple(leg.source_ids), leg.revision, back(leg)) == key]
        sources = [fill for fill in executed if fill.id in key[0]]
        steps.append(
            {
                "fills": sources,
                "revision": key[1],
                "back": key[2],
                "legs": same,
                "total": {name: _sum(same, name) for name in _MONEY},
                "fill_total": {name: _sum(sources, name) for name in _MONEY},
                "exact": all(_sum(same, n) == _sum(sources, n) for n in _MONEY),
            }
        )
    live = [leg for leg in legs if leg.id in counted]
    stand = [fill for fill in executed if fill.id in standing and not fill.bypass_trade_booking]
    whole = allocation.requested_qty
    return {
        "executed": [(fill, fill.id in standing) for fill in executed],
        "accounts": [
            (account, account.requested_qty / whole * 100 if whole else ZERO)
            for account in accounts
        ],
        "steps": steps,
        "sums": [
            (name.replace("_", " ").replace("qty", "quantity"), _sum(stand, name), _sum(live, name))
            for name in _MONEY
        ],
        "first_fill": min((fill.executed_at for fill in executed), default=None),
    }


def back(leg: BookingLeg) -> bool:
    """Whether the leg takes another one back."""
    return leg.reverses_id is not None


def _in_order(legs: Iterable[BookingLeg]) -> list[tuple[tuple[str, ...], int, bool]]:
    seen: dict[tuple[tuple[str, ...], int, bool], None] = {}
    for leg in legs:
        seen.setdefault((tuple(leg.source_ids), leg.revision, back(leg)))
    return list(seen)


def _sum(rows: Iterable[BookingLeg | Execution], name: str) -> Decimal:
    return sum((getattr(row, name) for row in rows), ZERO)
