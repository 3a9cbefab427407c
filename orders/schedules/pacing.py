"""How much a due slice sends: its own quantity and what earlier ones gave back, within the limits.

Plain arithmetic. What a slice cannot send stays with the schedule and is due with the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)
IDLE = "nothing_due"
TAKEN = "taken_elsewhere"
NO_BOOK = "no_live_book"
TOO_SMALL = "below_min_denomination"
CAPPED = "participation_cap"


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a schedule stands as a slice is due.

    `target` is what all slices up to this one come to, `taken` what has been filled or is still
    being worked, `free` what of the order nobody works. `share` is the percentage of `volume` that
    this slice may take; None means that neither tape nor book says what there is.
    """

    target: Decimal
    taken: Decimal
    free: Decimal
    step: Decimal
    least: Decimal
    most: Decimal
    share: Decimal | None = None
    volume: Decimal | None = None


def quantity(pace: Pace) -> tuple[Decimal, str]:
    """What to send now, or zero with the reason why nothing.

    A limit that cannot be reckoned stops: no tape and no live book, no slice of a limited share.
    """
    behind = pace.target - pace.taken
    if behind <= 0:
        return ZERO, IDLE
    if pace.free < pace.least:
        return ZERO, TAKEN
    qty = min(behind, pace.free, pace.most)
    qty -= qty % pace.step
    if qty < pace.least:
        return ZERO, TOO_SMALL
    if pace.share is None:
        return qty, ""
    if pace.volume is None:
        return ZERO, NO_BOOK
    qty = min(qty, pace.volume * pace.share / 100)
    qty -= qty % pace.step
    return (qty, "") if qty >= pace.least else (ZERO, CAPPED)
