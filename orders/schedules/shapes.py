"""How a schedule spreads a quantity over its slots: equal, by volume, or front-loaded. Pure.

Weights are exact fractions; only their proportions matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

TWAP, VWAP, SHORTFALL = STYLES = ("twap", "vwap", "implementation_shortfall")
# Beyond this nearly everything goes into the first slot anyway.
MOST_URGENT = Decimal(20)
_DIGITS = 40


def equal(slots: int) -> list[Fraction]:
    """TWAP: the same in every slot (TargetStrategy(847))."""
    return [Fraction(1, slots)] * slots


def by_volume(
    spans: Sequence[Sequence[tuple[Fraction, Fraction, int]]], curve: Sequence[int]
) -> list[Fraction]:
    """VWAP: in proportion to the volume that the curve expects in each slot.

    A slot is a list of pieces of sessions: from and to as fractions of the session, and how long
    the session is. The curve has the relative volumes of equally long parts of a session; within
    one part volume is even. A half day is the same curve in less time, with as much less volume.
    """
    whole = sum(curve)
    return [
        sum(
            (_share(start, end, curve) * length / whole for start, end, length in slot),
            Fraction(0),
        )
        for slot in spans
    ]


def _share(start: Fraction, end: Fraction, curve: Sequence[int]) -> Fraction:
    parts = len(curve)
    found = Fraction(0)
    for n, volume in enumerate(curve):
        overlap = min(end * parts, Fraction(n + 1)) - max(start * parts, Fraction(n))
        if overlap > 0:
            found += overlap * volume
    return found


def front_loaded(slots: int, urgency: Decimal) -> list[Fraction]:
    """Implementation shortfall: more at first, the more urgent the steeper; 0 is TWAP.

    The optimal trajectory of Almgren and Chriss ("Optimal Execution of Portfolio Transactions",
    Journal of Risk 3, 2000) under linear impact. After time t of T there is left of quantity X

        x(t) = X * sinh(k * (T - t)) / sinh(k * T),     k = sqrt(lambda * sigma^2 / eta)

    with risk aversion lambda, volatility sigma and temporary impact eta. The three enter only as
    `urgency` = k * T, a number without a dimension. A slot gets x at its start less x at its end.
    """
    if not 0 <= urgency <= MOST_URGENT:
        raise ValueError(f"an urgency lies between 0 and {MOST_URGENT}")
    if urgency == 0:
        return equal(slots)
    with localcontext() as context:
        context.prec = _DIGITS
        left = [_sinh(urgency * (slots - n) / slots) for n in range(slots + 1)]
        return [Fraction(a - b) for a, b in pairwise(left)]


def _sinh(x: Decimal) -> Decimal:
    return (x.exp() - (-x).exp()) / 2
