"""The kinds of order, OrdType(40), and what the ones that wait for a price become once it is there.

An order with a trigger is watched by us (`orders.triggers`); venues see only what it becomes.
"""

from __future__ import annotations

MARKET, LIMIT = "market", "limit"
STOP, STOP_LIMIT = "stop", "stop_limit"
TOUCHED, LIMIT_TOUCHED = "market_if_touched", "limit_if_touched"
TRAILING_STOP, TRAILING_STOP_LIMIT = "trailing_stop", "trailing_stop_limit"
KNOWN = (
    *(MARKET, LIMIT, STOP, STOP_LIMIT, TOUCHED, LIMIT_TOUCHED),
    *(TRAILING_STOP, TRAILING_STOP_LIMIT),
)
WITH_LIMIT = frozenset({LIMIT, STOP_LIMIT, LIMIT_TOUCHED, TRAILING_STOP_LIMIT})
# With a price of the client's own; the level of a trailing stop is found by following the market.
WITH_TRIGGER = frozenset({STOP, STOP_LIMIT, TOUCHED, LIMIT_TOUCHED})
# A stop waits for the market to move against the order, the others for it to come nearer.
TRAILING = frozenset({TRAILING_STOP, TRAILING_STOP_LIMIT})
ADVERSE = frozenset({STOP, STOP_LIMIT}) | TRAILING
WAITING = WITH_TRIGGER | TRAILING


def released_as(ord_type: str) -> str:
    """What goes to a venue: market or limit."""
    return LIMIT if ord_type in WITH_LIMIT else MARKET
