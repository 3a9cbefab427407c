"""The split of a quantity over venues that costs least: exact, by going through all its shapes.

A venue fills from its best level downwards: whole levels, then a part of the next. The part obeys
the level's least size, steps and least balance, so a venue can give some amounts and not others.
First as much as possible is taken, then what costs least. Where all levels trade in equal steps
nothing better exists; with unequal ones the result is still allowed and never too much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from venues.orderbook import Level

ZERO = Decimal(0)
_MOST_SHAPES = 20_000


@dataclass(frozen=True, slots=True)
class Ladder:
    """A venue's levels within the limit, best first, and what each unit costs beside its price."""

    venue_id: str
    levels: tuple[Level, ...]
    extra: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Split:
    """What each venue gets, and what all of it costs (less is better, also for a sale)."""

    takes: tuple[tuple[str, Decimal], ...]
    qty: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class _Piece:
    """Amounts that a venue can give: `low`, then up to `high` in steps, each unit at `unit`."""

    low: Decimal
    high: Decimal
    step: Decimal
    cost: Decimal
    unit: Decimal


def split(ladders: Sequence[Ladder], *, side: str, qty: Decimal) -> Split:
    """The cheapest way to take as much of `qty` as these venues have for it at once."""
    sign = 1 if side == "buy" else -1
    ladders = _affordable(ladders, qty)
    pieces = [tuple(_pieces(ladder, sign, qty)) for ladder in ladders]
    best, key = Split((), ZERO, ZERO), None
    for shape in product(*pieces):
        found = _fill(shape, qty)
        if found is None:
            continue
        takes, cost = found
        total = sum(takes, ZERO)
        # Of equal ones the fewest venues, then the earlier ones: callers order them.
        rank = (total, -cost, -sum(1 for take in takes if take), takes)
        if key is None or rank > key:
            key = rank
            named = zip(ladders, takes, strict=True)
            kept = tuple((ladder.venue_id, take) for ladder, take in named if take)
            best = Split(kept, total, cost)
    return best


def whole(ladders: Sequence[Ladder], *, side: str, qty: Decimal) -> Split:
    """All of `qty` at the one venue where it costs least; empty when none has it."""
    fits = [one for ladder in ladders if (one := split([ladder], side=side, qty=qty)).qty == qty]
    return min(fits, key=lambda one: one.cost, default=Split((), ZERO, ZERO))


def _affordable(ladders: Sequence[Ladder], qty: Decimal) -> list[Ladder]:
    """As many venues, best price first, as there is time to try all their shapes."""
    kept: list[Ladder] = []
    shapes = 1
    for ladder in ladders:
        shapes *= 1 + 2 * sum(1 for _ in _reached(ladder, qty))
        if kept and shapes > _MOST_SHAPES:
            break
        kept.append(ladder)
    return kept


def _reached(ladder: Ladder, qty: Decimal) -> Iterator[tuple[Decimal, Level]]:
    """The levels that `qty` comes to, each with what lies before it."""
    before = ZERO
    for level in ladder.levels:
        if before >= qty:
            return
        yield before, level
        before += level.size


def _pieces(ladder: Ladder, sign: int, qty: Decimal) -> Iterator[_Piece]:
    yield _Piece(ZERO, ZERO, ZERO, ZERO, ZERO)
    cost = ZERO
    for before, level in _reached(ladder, qty):
        unit = sign * level.px + ladder.extra
        step = level.min_increment
        low = max(_up(level.min_size, step), step)
        high = _down(min(level.size - level.min_balance_remaining, qty - before), step)
        if low <= high and high > 0:
            yield _Piece(before + low, before + high, step, cost + low * unit, unit)
        cost += level.size * unit
        if before + level.size <= qty:
            yield _Piece(before + level.size, before + level.size, step, cost, unit)


def _fill(shape: Sequence[_Piece], qty: Decimal) -> tuple[list[Decimal], Decimal] | None:
    """The best amounts within one shape: every venue its least, the cheapest then more."""
    takes = [piece.low for piece in shape]
    left = qty - sum(takes, ZERO)
    if left < 0:
        return None
    cost = sum((piece.cost for piece in shape), ZERO)
    for n in sorted(range(len(shape)), key=lambda n: shape[n].unit):
        piece = shape[n]
        more = _down(min(piece.high - piece.low, left), piece.step)
        takes[n] += more
        left -= more
        cost += more * piece.unit
    return takes, cost


def _down(qty: Decimal, step: Decimal) -> Decimal:
    return qty - qty % step if step else qty


def _up(qty: Decimal, step: Decimal) -> Decimal:
    below = _down(qty, step)
    return qty if below == qty else below + step
