"""What a venue takes, asked before anything is sent to it: types, sizes, sessions, cut-offs.

Pure: callers bring the facts, what is to be sent, and the moment. A venue that cannot take an order
is left out of routing with its reason; nothing here looks anything up.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")

BOOK, CUSTODIAN = "limit_order_book", "custodian"
# By these a venue is given an order to work; by any other nobody is.
WORKED = frozenset({BOOK, CUSTODIAN})
_NOT_FOR_THE_DAY = frozenset({"ioc", "fok", "opg", "cls"})
_WORDS = {
    "display_qty": "orders that are shown in parts",
    "min_qty": "least quantities",
    "post_only": "orders that only wait",
    "short_sale": "short sales",
}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue takes. Empty sets mean everything; times are New York's, None means always."""

    protocols: frozenset[str] = frozenset()
    times_in_force: frozenset[str] = frozenset()
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    qty_increment: Decimal | None = None
    opens_at: time | None = None
    closes_at: time | None = None
    cutoff_at: time | None = None
    # Instructions that it does not know, by the order's names for them.
    refuses: frozenset[str] = frozenset()

    def why_not(self, *, time_in_force: str, at: datetime, protocol: str = BOOK) -> str:
        """Why it takes no order like this at this moment; empty when it does."""
        if self.protocols and protocol not in self.protocols:
            return f"takes no orders by {protocol}"
        # Orders for several days are carried by us and go out for the day.
        sent = time_in_force if time_in_force in _NOT_FOR_THE_DAY else "day"
        if self.times_in_force and sent not in self.times_in_force:
            return f"takes no {sent} orders"
        if sent == "opg":
            return ""  # it waits there for the open
        return self._why_closed(at.astimezone(NEW_YORK).time())

    def why_not_handling(self, needs: Collection[str]) -> str:
        """Why it cannot handle an order that needs this; empty when it can."""
        missing = [_WORDS.get(name, name) for name in sorted(self.refuses.intersection(needs))]
        return f"takes no {' or '.join(missing)}" if missing else ""

    def why_not_size(self, qty: Decimal) -> str:
        """Why it takes no order of this size; empty when it does."""
        if self.min_qty is not None and qty < self.min_qty:
            return f"takes no less than {self.min_qty.normalize():,f}"
        if self.max_qty is not None and qty > self.max_qty:
            return f"takes no more than {self.max_qty.normalize():,f}"
        if self.qty_increment is not None and qty % self.qty_increment:
            return f"takes multiples of {self.qty_increment.normalize():,f}"
        return ""

    def _why_closed(self, now: time) -> str:
        opens, closes = self.opens_at, self.closes_at
        if opens is not None and closes is not None and not opens <= now < closes:
            return f"is open from {opens:%H:%M} to {closes:%H:%M} ET"
        if self.cutoff_at is not None and now >= self.cutoff_at:
            return f"takes no new orders after {self.cutoff_at:%H:%M} ET"
        return ""
