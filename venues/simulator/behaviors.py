"""What the simulated venue does on purpose: securities and limit prices with a fixed outcome.

Data only. The exchange asks for the script of an order and runs it instead of matching.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum

BOOK_BID = Decimal(100)
BOOK_ASK = Decimal(101)
BOOK_SIZE = Decimal(500_000)
ACK_DELAY = timedelta(seconds=2)
_NEAR = Decimal("0.05")


class Act(Enum):
    """One step of a script."""

    FILL_HALF = "fill half of the order"
    FILL_REST = "fill what is left"
    CANCEL = "cancel without being asked"
    REFUSE = "refuse it after a last look"


@dataclass(frozen=True, slots=True)
class Step:
    """An act, so long after the acknowledgment."""

    after: timedelta
    act: Act


@dataclass(frozen=True, slots=True)
class Script:
    """The fixed life of an order.

    `hangs`: answers nothing but cancels and status requests. `quoted`: fills from the fixed book,
    so an order off the quote or over its size is canceled. `reject`: refused with this text.
    `late_ack`: acknowledged after `ACK_DELAY`. `fills_on_cancel`: a cancel request comes too late.
    `twice`: every report goes out twice. `binding`: a cancel is refused, the dealer is deciding.
    """

    steps: tuple[Step, ...] = ()
    hangs: bool = False
    quoted: bool = False
    reject: str = ""
    late_ack: bool = False
    fills_on_cancel: bool = False
    twice: bool = False
    binding: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """A security with a constant book, 100 bid and 101 asked, 500,000 par a side."""

    script: Script
    bid: bool = True
    ask: bool = True


def _at(seconds: int, act: Act) -> Step:
    return Step(timedelta(seconds=seconds), act)


_AT_ONCE = Script(steps=(_at(0, Act.FILL_REST),), quoted=True)
_NO_QUOTES = Fixed(_AT_ONCE, bid=False, ask=False)
_BID_ONLY = Fixed(_AT_ONCE, ask=False)
_ASK_ONLY = Fixed(_AT_ONCE, bid=False)

SECURITIES: dict[str, Fixed] = {
    "912810SX7": Fixed(Script(steps=(_at(1, Act.FILL_REST),), quoted=True)),
    "912810SU3": Fixed(Script(steps=(_at(60, Act.FILL_REST),), quoted=True)),
    "912810SS8": Fixed(
        Script(steps=(_at(60, Act.FILL_HALF), _at(120, Act.FILL_REST)), quoted=True)
    ),
    "912810RY6": Fixed(Script(hangs=True)),
    "912810RX8": Fixed(Script(steps=(_at(0, Act.FILL_HALF),), hangs=True, quoted=True)),
    "912810UK2": Fixed(Script(steps=(_at(1, Act.CANCEL),))),
    "880591DM1": _NO_QUOTES,
    "38143C3G4": _NO_QUOTES,
    "3130A6RM1": _BID_ONLY,
    "931142DB6": _BID_ONLY,
    "3130A2UW4": _ASK_ONLY,
    "38143CFG1": _ASK_ONLY,
}

# Limit prices on any other security, by what follows the whole number. Only a limit that is
# marketable, or within 5 % of the reference price, is taken as a wish for one of these.
PRICES: dict[Decimal, Script] = {
    Decimal("0.01"): Script(steps=(_at(0, Act.FILL_HALF),)),
    Decimal("0.02"): Script(reject="refused by the venue on a limit ending in .02"),
    Decimal("0.03"): Script(fills_on_cancel=True),
    Decimal("0.04"): Script(late_ack=True),
    Decimal("0.05"): Script(steps=(_at(5, Act.FILL_REST),)),
    Decimal("0.06"): Script(steps=(_at(0, Act.FILL_REST),), twice=True),
}


def by_price(*, price: Decimal | None, reference: Decimal, marketable: bool) -> Script | None:
    """The script a limit price asks for, if it asks for one."""
    if price is None:
        return None
    script = PRICES.get(price % 1)
    if script is None or marketable or abs(price - reference) <= reference * _NEAR:
        return script
    return None
