"""Who gets the better prices: accounts ranked by what their shares of blocks cost beside the block.

Looks for favors (cherry-picking): over one block somebody is always lucky; over many, nobody should
be. It accuses nobody: an alert says where to look. Splits entered after the fact are counted
beside, because those are where favors are done.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection

from allocations import accounts
from oms_site.kit.numbers import round_fraction

BLOCKS_LEAST = 5  # below that, luck
DEVIATIONS = 3  # of the mean from nothing, in its own standard errors
_BY_BLOCK = """
WITH legs AS (
    SELECT l.allocation_id, a.side, a.entry_id IS NOT NULL late, p.account_id, l.qty, l.price
    FROM allocations_bookingleg l JOIN allocations_allocation a ON a.id = l.allocation_id
    JOIN allocations_accountallocation p ON p.id = l.account_allocation_id
    WHERE l.organization_id = %s AND l.created_at >= %s AND l.created_at < %s
        AND NOT a.implicit AND l.reverses_id IS NULL AND l.status <> 'canceled'
        AND NOT EXISTS (SELECT 1 FROM allocations_bookingleg r WHERE r.reverses_id = l.id)
), blocks AS (
    SELECT allocation_id, sum(qty * price) money, sum(qty) qty FROM legs
    GROUP BY allocation_id HAVING count(DISTINCT account_id) > 1
)
SELECT l.account_id, l.allocation_id, l.side, l.late, sum(l.qty * l.price), sum(l.qty), b.money,
    b.qty
FROM legs l JOIN blocks b ON b.allocation_id = l.allocation_id
GROUP BY l.account_id, l.allocation_id, l.side, l.late, b.money, b.qty
ORDER BY l.account_id, l.allocation_id
"""


@dataclass(slots=True)
class Standing:
    """One account over all its blocks: advantages in basis points of the block's average price."""

    account_id: str
    advantages: list[Fraction] = field(default_factory=list)
    entered_late: int = 0

    @property
    def mean(self) -> Fraction:
        """The mean advantage: above zero is better than the block."""
        return sum(self.advantages, Fraction(0)) / len(self.advantages)

    @property
    def deviations(self) -> float:
        """How many standard errors the mean is from nothing; infinite when it never varies, below
        zero for who always gets the worse price."""
        count = len(self.advantages)
        if count < 2 or not self.mean:
            return 0.0
        spread = sum(float(one - self.mean) ** 2 for one in self.advantages) / (count - 1)
        if not spread:
            return math.copysign(math.inf, self.mean)
        return float(self.mean) / math.sqrt(spread / count)

    @property
    def is_outlier(self) -> bool:
        """Whether somebody should look: too good, too often, to be luck."""
        return len(self.advantages) >= BLOCKS_LEAST and self.deviations > DEVIATIONS


def ranked(organization_id: str, *, since: datetime, until: datetime) -> list[Standing]:
    """Every account with shares of blocks made in a time, the most favored first."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_BLOCK, [organization_id, since, until])
        return rank(cursor.fetchall())


def rank(shares: Iterable[tuple[Any, ...]]) -> list[Standing]:
    """Rank shares of blocks: (account, block, side, late, money, qty, block's money, its qty)."""
    found: dict[str, Standing] = defaultdict(lambda: Standing(""))
    for account_id, _, side, late, money, qty, whole_money, whole_qty in shares:
        own, block = Fraction(money) / Fraction(qty), Fraction(whole_money) / Fraction(whole_qty)
        better = block - own if side == "buy" else own - block
        one = found[account_id]
        one.account_id = account_id
        one.advantages.append(better / block * 10_000)
        one.entered_late += bool(late)
    return sorted(found.values(), key=lambda one: (-one.mean, one.account_id))


def view(organization_id: str, one: Standing) -> dict[str, Any]:
    """A standing as the report tells it."""
    facts = accounts.find_account(organization_id, one.account_id)
    return {
        "account_id": one.account_id,
        "account_code": facts.code if facts else one.account_id,
        "blocks": len(one.advantages),
        "entered_after_the_trade": one.entered_late,
        "mean_advantage_bp": round_fraction(one.mean, places=4),
        # None: it never varies, which is no luck at all.
        "deviations": Decimal(f"{one.deviations:.2f}") if math.isfinite(one.deviations) else None,
        "alert": one.is_outlier,
    }
