"""Cuts a quantity into slices that can be traded: whole steps, none too small, none too large.

Plain integers, no clock and no dice. Called when a schedule is planned; slices are then kept and
never computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction


class CannotSlice(ValueError):
    """No slices within the limits add up to the quantity."""


def cut(
    total: Decimal,
    weights: Sequence[Fraction],
    *,
    step: Decimal,
    least: Decimal,
    most: Decimal | None = None,
) -> list[Decimal]:
    """Slices of `total`, one per weight, each zero or a multiple of `step` from `least` to `most`.

    They add up to the total exactly. The rule of the residual: slice by slice the sum so far is
    kept as close as it can be to the curve (the weights added up, rounded half up to steps), a tie
    going to the smaller slice, and never so that the rest could not be cut. Raises `CannotSlice`
    when no slices within the limits make the total.
    """
    whole = sum(weights, Fraction(0))
    if not weights or whole <= 0 or min(weights) < 0 or total <= 0 or step <= 0:
        raise CannotSlice("give a quantity, a step and weights above zero")
    units = Fraction(total) / Fraction(step)
    if units.denominator != 1:
        raise CannotSlice("the quantity is not a multiple of the step")
    left, small = int(units), max(-(-Fraction(least) // Fraction(step)), 1)
    large = left if most is None else min(Fraction(most) // Fraction(step), left)
    if not _fits(left, len(weights), small, large):
        raise CannotSlice("no slices of the allowed sizes make up the quantity")
    found, so_far, done = [], Fraction(0), 0
    for n, weight in enumerate(weights):
        so_far += weight
        wanted = int(so_far * int(units) / whole + Fraction(1, 2)) - done
        took = min(
            _choices(wanted, left, len(weights) - n - 1, small, large),
            key=lambda size: (abs(size - wanted), size),
        )
        found.append(took * step)
        done, left = done + took, left - took
    return found


def _fits(left: int, slots: int, small: int, large: int) -> bool:
    """Whether some of the slots, each from small to large, can hold exactly what is left."""
    return left == 0 or (large >= small and -(-left // large) <= min(slots, left // small))


def _choices(wanted: int, left: int, slots: int, small: int, large: int) -> Iterator[int]:
    """For every number of slices that may follow, the size nearest to the wanted one; or none."""
    if _fits(left, slots, small, large):
        yield 0
    for following in range(slots + 1):
        lowest = max(small, left - following * large)
        highest = min(large, left - following * small)
        if lowest <= highest:
            yield min(max(wanted, lowest), highest)
