"""Plans a schedule: when how much is due. Plain arithmetic from stated inputs alone.

The same inputs give the same plan; chance enters by a seed that is kept, or not at all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from orders.schedules import shapes, slicing
from orders.schedules.curves import Curve
from orders.schedules.windows import Window

_GRAIN = 10_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """What may be traded at once: multiples of `step` from `least` to `most`."""

    step: Decimal
    least: Decimal
    most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One slice: when it is due, and how much."""

    due_at: datetime
    qty: Decimal


def plan(
    style: str,
    qty: Decimal,
    *,
    window: Window,
    slots: int,
    sizes: Sizes,
    curve: Curve,
    urgency: Decimal = Decimal(0),
    randomize: Decimal = Decimal(0),
    seed: int | None = None,
) -> list[Slot]:
    """The slices of a quantity over a window, in time order; their sum is the quantity exactly.

    Slots are equally long and a slice is due as its slot begins. `randomize` is a percentage: each
    size is weighed up or down by at most that much, and each slice is due that much of its slot
    later at most. Slots in which nothing falls due have no slice. Raises `CannotSlice`.
    """
    cuts = window.cuts(slots)
    weights = _weights(style, window, cuts, curve, urgency)
    if randomize and seed is not None:
        dice = random.Random(seed)
        share = Fraction(randomize) / 100
        weights = [weight * (1 + share * (2 * _chance(dice) - 1)) for weight in weights]
        moved = [int(share * _chance(dice) * (b - a)) for a, b in pairwise(cuts)]
    else:
        moved = [0] * slots
    sized = slicing.cut(qty, weights, step=sizes.step, least=sizes.least, most=sizes.most)
    return [
        Slot(window.moment(start + later), size)
        for (start, _), later, size in zip(pairwise(cuts), moved, sized, strict=True)
        if size
    ]


def _weights(
    style: str, window: Window, cuts: Sequence[int], curve: Curve, urgency: Decimal
) -> list[Fraction]:
    slots = len(cuts) - 1
    if style == shapes.VWAP:
        return shapes.by_volume(window.spans(cuts), curve.volumes)
    if style == shapes.SHORTFALL:
        return shapes.front_loaded(slots, urgency)
    return shapes.equal(slots)


def _chance(dice: random.Random) -> Fraction:
    return Fraction(dice.randrange(_GRAIN + 1), _GRAIN)
