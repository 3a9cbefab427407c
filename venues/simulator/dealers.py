"""The dealers of the simulated quote venue: who they are and what each answers. Data and sums.

The same venue seed, security and side give the same price in every run; the rooms that ask decide
when. Nothing here keeps anything.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from venues.messages import Side
from venues.simulator.behaviors import Act, Script, Step
from venues.simulator.market import Market

PLATFORM = "SIMQ"  # the session whose peers trade by inquiry
DESK = "LPLDESK"  # where a custodian works what it is handed
BOOKLESS = frozenset({PLATFORM, DESK})  # sessions whose peers see no book
_TICK = Decimal("0.001")
_MILLION = Decimal(1_000_000)
COUNTER_DELAY = timedelta(milliseconds=300)
# Securities with a fixed outcome of an inquiry.
REFUSES_INQUIRIES = frozenset({"91502PAP1"})
NOBODY_QUOTES = frozenset({"17327T2R6", "880591DM1", "38143C3G4"})
EVERY_HIT_REFUSED = frozenset({"U57346AH8", "14054DAM9"})
LONG_LOOKS = frozenset({"209111FQ1", "14054DAM9"})
_LONG_LOOK = timedelta(seconds=60)


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Counters(StrEnum):
    """What a dealer makes of a counter: our price, half way, its own again, or no price at all."""

    ACCEPT = "accept"
    IMPROVE = "improve"
    HOLD = "hold"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Character:
    """How a dealer behaves.

    `after`: None never answers. `spread`: parts of the book's half spread. `looks`: how long it
    thinks about a hit, which it refuses above `fills_up_to`. `moves_after`, `leaves_after`: when it
    changes and when it withdraws its quote.
    """

    name: str
    after: timedelta | None
    spread: Decimal = Decimal(1)
    size: Decimal = 5 * _MILLION
    valid: timedelta = timedelta(seconds=30)
    passes: bool = False
    looks: timedelta = timedelta(0)
    fills_up_to: Decimal | None = None
    moves_after: timedelta | None = None
    leaves_after: timedelta | None = None
    counters: Counters = Counters.WITHDRAW


DEALERS: dict[str, Character] = {
    "DLR-SWIFT": Character(
        "Swift Capital", _seconds(0.1), spread=Decimal("0.75"), counters=Counters.HOLD
    ),
    "DLR-BROAD": Character(
        "Broad Street Bank",
        _seconds(0.6),
        spread=Decimal(2),
        size=25 * _MILLION,
        valid=_seconds(120),
        counters=Counters.IMPROVE,
    ),
    "DLR-LOOK": Character(
        "Lookout Securities",
        _seconds(0.3),
        spread=Decimal("0.5"),
        looks=_seconds(1),
        fills_up_to=_MILLION,
        counters=Counters.ACCEPT,
    ),
    "DLR-FICKLE": Character(
        "Fickle Partners",
        _seconds(0.4),
        spread=Decimal("0.9"),
        moves_after=_seconds(3),
        leaves_after=_seconds(6),
    ),
    "DLR-SHY": Character("Shy Brothers", _seconds(0.2), passes=True),
    "DLR-MUTE": Character("Mute Markets", None),
}


def price(market: Market, dealer: str, cusip: str, side: Side, *, seed: str, round: int) -> Decimal:
    """A dealer's price to a client of this side: a buyer gets an offer above the middle."""
    middle, levels = market.reference(cusip), market.levels(cusip, side)
    half = abs(levels[0].px - middle) if levels else Decimal("0.125")
    dice = random.Random(f"{seed}:{cusip}:{side}:{dealer}:{round}")
    away = half * DEALERS[dealer].spread + dice.randrange(-4, 5) * _TICK
    sign = 1 if side == "1" else -1
    return max((middle + sign * max(away, _TICK)).quantize(_TICK), _TICK)


def meet(dealer: str, quoted: Decimal, asked: Decimal) -> Decimal:
    """What a dealer quotes after a counter, by its character."""
    how = DEALERS[dealer].counters
    if how is Counters.ACCEPT:
        return asked
    return quoted if how is Counters.HOLD else ((quoted + asked) / 2).quantize(_TICK)


def script(dealer: str, cusip: str, qty: Decimal) -> Script:
    """What becomes of a hit: a fill or a refusal, at once or after a last look."""
    character = DEALERS[dealer]
    limit = character.fills_up_to
    refuses = cusip in EVERY_HIT_REFUSED or (limit is not None and qty > limit)
    act = Act.REFUSE if refuses else Act.FILL_REST
    after = _LONG_LOOK if cusip in LONG_LOOKS else character.looks
    return Script(steps=(Step(after, act),), binding=True)
