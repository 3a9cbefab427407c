"""What accounts hold and owe: positions, tax lots and cash, from executions and transactions only.

`ledger.post` is the one way in; the desk calls it with every fill, the drains with every final
split. Everybody else reads: `positions` and `cash` for whole batches, `past` for any moment.
"""

from __future__ import annotations

from allocations.holdings.reading import Cash, cash, positions, settled_positions
from allocations.holdings.reservations import Reserved
from allocations.holdings.suspense import is_suspense, suspense

__all__ = [
    "Cash",
    "Reserved",
    "cash",
    "is_suspense",
    "positions",
    "settled_positions",
    "suspense",
]
