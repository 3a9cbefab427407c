"""What a rule must know beyond its own order: facts that other orders share and may use up.

A rule class names its needs once, when its numbers are bound; the floor of the orders reads exactly
those, under a lock, and puts them on the ticket. No need in force means no lock and no query.
"""

from __future__ import annotations

import msgspec

ACCOUNT, TRADER, INSTRUMENT, ORGANIZATION = "account", "trader", "instrument", "organization"
SCOPES = (ACCOUNT, TRADER, INSTRUMENT, ORGANIZATION)
# The kinds of rows that are read; each is one grouped query for a whole batch.
OPEN, DAY, POSITIONS, CASH, SALES = "open", "day", "positions", "cash", "sales"
SOURCES: dict[str, tuple[str, ...]] = {
    "gross": (OPEN, POSITIONS),
    "net": (OPEN, POSITIONS),
    "position": (OPEN, POSITIONS),
    "group": (OPEN, POSITIONS),
    "assets": (POSITIONS, CASH),
    "cash": (OPEN, CASH),
    "costs": (),  # of the order itself, beyond its principal
    "credit": (OPEN, DAY),
    "margin": (OPEN, POSITIONS, CASH),
    "opposite": (OPEN,),
    "window": (DAY,),
    "messages": (DAY,),
    "trades": (DAY,),
    "pnl": (DAY,),
    "sales": (SALES,),
}


class Need(msgspec.Struct, frozen=True, order=True):
    """One figure: `what` of which scope; `arg` is a dimension, `seconds` a window (0: the day)."""

    what: str
    scope: str
    arg: str = ""
    seconds: int = 0

    def key(self, entity: str) -> str:
        """Where the figure stands on the ticket."""
        return f"{self.what}|{self.scope}:{entity}|{self.arg}|{self.seconds}"

    @property
    def sources(self) -> tuple[str, ...]:
        """The kinds of rows it is made from."""
        return SOURCES[self.what]
