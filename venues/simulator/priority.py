"""Who of those that stand at one price trades first, and how much: pure arithmetic, no state.

Two rules. Price-time: first come, first served, what is shown before what is hidden. Pro-rata: each
by its size, in whole increments; a share below the least one is none, and what the division leaves
over goes by time. Price itself always comes first, and is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

ZERO = Decimal(0)
Shares = dict[str, Decimal]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a venue matches what stands at one price; `least` is the smallest share of pro-rata."""

    name: Literal["price_time", "pro_rata"] = "price_time"
    least: Decimal = ZERO
    increment: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Standing:
    """An order at the price, in order of time: what it shows, and what it hides behind that."""

    name: str
    shown: Decimal
    hidden: Decimal = ZERO


def share(qty: Decimal, standing: Sequence[Standing], rule: Rule) -> Shares:
    """How much of `qty` each gets, never more than it has; `standing` is oldest first.

    Who gets nothing is not named.
    """
    shares = dict.fromkeys((one.name for one in standing), ZERO)
    if rule.name == "pro_rata":
        _pro_rata(qty, standing, shares, rule)
    # First what is shown, then what is hidden: by time in both.
    for part in ("shown", "both"):
        for one in standing:
            has = one.shown if part == "shown" else one.shown + one.hidden
            left = qty - sum(shares.values(), ZERO)
            shares[one.name] += max(ZERO, min(left, has - shares[one.name]))
    return {name: given for name, given in shares.items() if given > 0}


def _pro_rata(qty: Decimal, standing: Sequence[Standing], shares: Shares, rule: Rule) -> None:
    whole = sum((one.shown for one in standing), ZERO)
    for one in standing:
        part = one.shown if whole <= qty else qty * one.shown / whole
        part -= part % rule.increment if part < one.shown else ZERO
        shares[one.name] = part if part >= min(rule.least, one.shown) else ZERO
