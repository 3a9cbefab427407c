"""Losses that a purchase within 30 days washes out. Pure; it flags, it taxes nobody.

26 U.S.C. 1091: a loss on shares counts only as far as no substantially identical ones were bought
in the 61 days around the sale. Here that is the same security in the same account, over all its
sleeves; what other accounts of the same owner do is not known. The rest of the lot that was sold is
no replacement (Rev. Rul. 56-602), each replacement share washes one sold share, the earliest first.
A short is looked at the other way round. Pools of average cost are only looked at forward.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from allocations.holdings import costing
from allocations.holdings.costing import Closing, Lot, Move, Picks, State
from oms_site.kit.numbers import round_fraction

WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Washed:
    """Part of one loss with the lot that washes it out: `qty` as of then, `loss` above zero.

    `disallowed` is the loss in cents; the parts of one loss never add up to more than it.
    """

    sold_lot: str
    sold_by: str
    sold_on: date
    lot_id: str
    qty: Fraction
    loss: Fraction
    disallowed: Decimal


@dataclass(slots=True)
class _Loss:
    """A closing that lost money: shares without a replacement yet, and what each lost.

    `washed` of it does not count, and `told` so many cents of that.
    """

    position: int
    closing: Closing
    left: Fraction
    each: Fraction
    washed: Fraction = Fraction(0)
    told: Decimal = Decimal(0)


def of(moves: Iterable[Move], *, picks: Mapping[str, Picks] | None = None) -> list[Washed]:
    """Every washed part of every loss of one position, in the order they were found."""
    return of_parts([moves], picks=picks)


def of_parts(
    parts: Iterable[Iterable[Move]], *, picks: Mapping[str, Picks] | None = None
) -> list[Washed]:
    """The same over the positions of all sleeves of one account in one security.

    A purchase in any of them washes a loss in any other. What moves between them is neither sold
    nor bought, and washes nothing where it comes.
    """
    listed = [costing.effective(list(moves)) for moves in parts]
    reading = _Reading([State() for _ in listed], picks or {}, _moved_within(listed))
    numbered = ([(n, move) for move in moves] for n, moves in enumerate(listed))
    # Each position in its own order; which of them goes first is by day.
    for n, move in heapq.merge(*numbered, key=lambda one: (one[1].trade_date, one[1].id)):
        reading.take(n, move)
    return reading.found


def _moved_within(listed: Sequence[Sequence[Move]]) -> frozenset[str]:
    """The movements that took from one of several positions what they gave to another."""
    if len(listed) < 2:
        return frozenset()
    by_source: dict[str, list[Move]] = {}
    for move in (move for moves in listed for move in moves):
        by_source.setdefault(move.source_id, []).append(move)
    pairs = (two for two in by_source.values() if len(two) == 2 and two[0].qty == -two[1].qty)
    return frozenset(move.id for two in pairs for move in two)


@dataclass(slots=True)
class _Reading:
    """Positions as far as they are read: losses that are open, and shares that wash nothing yet."""

    states: list[State]
    picks: Mapping[str, Picks]
    within: frozenset[str]
    found: list[Washed] = field(default_factory=list)
    losses: list[_Loss] = field(default_factory=list)
    free: dict[str, Fraction] = field(default_factory=dict)  # by lot

    def take(self, n: int, move: Move) -> None:
        """Apply one movement to its position, and see what it washes and what washes it."""
        state = self.states[n]
        before, had = len(state.closings), {key: lot.qty for key, lot in state.lots.items()}
        held = state.qty
        costing.apply(state, move, picks=self.picks.get(move.id, ()))
        if move.is_split:
            self._scale(n, _factor(move, held, state.qty))
            return
        fresh = state.closings[before:]
        for closing in fresh:
            taken = self.free.get(closing.lot_id, Fraction(0))
            self.free[closing.lot_id] = max(taken - abs(Fraction(closing.qty)), Fraction(0))
        if move.id not in self.within:
            self._sold(n, fresh)
            self._bought(state, move, had)
        open_still = (one for one in self.losses if one.left)
        self.losses = [one for one in open_still if one.closing.closed + WINDOW >= _day(move)]

    def _sold(self, n: int, fresh: Sequence[Closing]) -> None:
        lost = [_loss(n, one) for one in fresh if one.realized < 0]
        sold = {one.lot_id for one in fresh}
        for loss in lost:
            for lot in _earlier(self.states, loss.closing, sold):
                _wash(loss, lot.id, self.free, self.found)
        self.losses += lost

    def _bought(self, state: State, move: Move, had: Mapping[str, Decimal]) -> None:
        for key, lot in state.lots.items():
            opened = abs(Fraction(lot.qty)) - abs(Fraction(had.get(key, Decimal(0))))
            if opened > 0:
                self.free[key] = self.free.get(key, Fraction(0)) + opened
                for loss in self.losses:
                    if _is_later(loss.closing, lot, move):
                        _wash(loss, key, self.free, self.found)

    def _scale(self, n: int, factor: Fraction) -> None:
        """After a split the same loss is spread over other shares."""
        for loss in self.losses:
            if loss.position == n:
                loss.left, loss.each = loss.left * factor, loss.each / factor
        for key in self.free.keys() & self.states[n].lots.keys():
            self.free[key] *= factor


def by_lot(washed: Iterable[Washed]) -> dict[str, Decimal]:
    """The losses in cents that each lot washes out: what a tax adviser adds to its cost."""
    sums: dict[str, Decimal] = {}
    for one in washed:
        sums[one.lot_id] = sums.get(one.lot_id, Decimal(0)) + one.disallowed
    return sums


def _loss(position: int, closing: Closing) -> _Loss:
    qty = abs(Fraction(closing.qty))
    return _Loss(position, closing, qty, -Fraction(closing.realized) / qty)


def _earlier(states: Iterable[State], closing: Closing, sold: set[str]) -> list[Lot]:
    """Lots bought in the days before a sale that stayed."""
    lots = [
        lot
        for state in states
        for lot in state.lots.values()
        if lot.open_qty
        and lot.id not in sold
        and (lot.open_qty > 0) == (closing.qty > 0)
        and closing.closed - WINDOW <= lot.acquired <= closing.closed
    ]
    return sorted(lots, key=lambda lot: (lot.acquired, lot.opened, lot.id))


def _is_later(closing: Closing, lot: Lot, move: Move) -> bool:
    same_way = (lot.qty > 0) == (closing.qty > 0)
    after = closing.closed - WINDOW <= _day(move) <= closing.closed + WINDOW
    return same_way and after and closing.movement_id != move.id


def _day(move: Move) -> date:
    return move.trade_date


def _wash(loss: _Loss, lot_id: str, free: dict[str, Fraction], found: list[Washed]) -> None:
    qty = min(loss.left, free.get(lot_id, Fraction(0)))
    if qty <= 0:
        return
    loss.left -= qty
    free[lot_id] -= qty
    part, sale = qty * loss.each, loss.closing
    # Cents of what is washed so far, less what was told: no cent of the loss is told twice.
    loss.washed += part
    cents = round_fraction(loss.washed, places=2) - loss.told
    loss.told += cents
    found.append(Washed(sale.lot_id, sale.movement_id, sale.closed, lot_id, qty, part, cents))


def _factor(move: Move, held: Decimal, qty: Decimal) -> Fraction:
    """What a split made of one share; what was held then may have been taken back since."""
    if held:
        return Fraction(qty) / Fraction(held)
    return Fraction(move.ratio_new, move.ratio_old) if move.ratio_old else Fraction(1)
