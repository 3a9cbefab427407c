"""The arithmetic of lots: what a position costs, what closing it earned. Pure, exact to the cent.

Every movement has a signed quantity and a consideration of the same sign (money paid with fees is
positive, money got less fees negative). Closing takes from lots in the order of the relief; what
is left over opens a lot the other way round. Part of a lot costs its share, half up to the cent,
and the last part costs what is left, so that no cent is lost or invented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from oms_site.kit.numbers import largest_remainder, round_fraction

ZERO = Decimal("0.00")
MILLIONTH = Decimal("0.000001")
Picks = Sequence[tuple[str, Decimal]]  # lot id, quantity without a sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One movement of a position, as far as cost is concerned."""

    id: str
    source_id: str
    sequence: int
    qty: Decimal
    consideration: Decimal
    trade_date: date
    price: Decimal | None = None
    relief: str = "fifo"
    reverses: str = ""
    is_split: bool = False
    # So many new for so many old; without them `qty` says how many came with the split.
    ratio_new: int = 0
    ratio_old: int = 0


@dataclass(slots=True)
class Lot:
    """Shares that came together; `open_*` is what is left of them. All signed like the position."""

    id: str
    movement_id: str
    acquired: date
    opened: int
    price: Decimal | None
    qty: Decimal
    cost: Decimal
    open_qty: Decimal
    open_cost: Decimal


@dataclass(frozen=True, slots=True)
class Closing:
    """What one movement took of one lot and earned by it."""

    lot_id: str
    movement_id: str
    qty: Decimal
    cost: Decimal
    proceeds: Decimal
    acquired: date
    closed: date

    @property
    def realized(self) -> Decimal:
        """Profit: what came in less what it had cost, whichever way round."""
        return self.proceeds - self.cost


@dataclass(slots=True)
class State:
    """A position being folded: its lots by id in order of opening, and what it has earned."""

    qty: Decimal = Decimal(0)
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    lots: dict[str, Lot] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)


def lot_id(movement_id: str) -> str:
    """The id of the lot that a movement opens: always the same one."""
    return "tl_" + movement_id.partition("_")[2]


def fold(moves: Iterable[Move], *, picks: Mapping[str, Picks] | None = None) -> State:
    """A position from all its movements in order. What was taken back has never happened."""
    state = State()
    for move in effective(list(moves)):
        apply(state, move, picks=(picks or {}).get(move.id, ()))
    return state


def effective(moves: Sequence[Move]) -> list[Move]:
    """The movements that count: without those taken back, and without what took them back."""
    known = {move.source_id for move in moves}
    undone = {move.reverses for move in moves if move.reverses} & known
    return [m for m in moves if m.source_id not in undone and m.reverses not in undone]


def apply(state: State, move: Move, *, picks: Picks = ()) -> None:
    """Move a position: close lots of the other sign, then open one with what is left."""
    left, money = move.qty, move.consideration
    if move.is_split:
        _scale(state, _grown(state.qty, move))
        return
    if not left:
        state.realized -= money
        return
    if state.qty and (state.qty < 0) != (left < 0):
        left, money = _close(state, move, picks)
    if left:
        _open(state, move, left, money)
    state.qty += move.qty


def _close(state: State, move: Move, picks: Picks) -> tuple[Decimal, Decimal]:
    left, money = move.qty, move.consideration
    for lot, most in _order(state, move, picks):
        taken = min(abs(left), abs(lot.open_qty), most)
        if not taken:
            continue
        cost = _share(lot.open_cost, taken, abs(lot.open_qty))
        part = _share(money, taken, abs(left))
        signed = taken if lot.open_qty > 0 else -taken
        lot.open_qty -= signed
        lot.open_cost -= cost
        state.cost -= cost
        state.realized += -part - cost
        state.closings.append(
            Closing(lot.id, move.id, signed, cost, -part, lot.acquired, move.trade_date)
        )
        left, money = left + signed, money - part
        if not left:
            break
    return left, money


def _grown(qty: Decimal, move: Move) -> Decimal:
    """What a split makes of what there is: of a trade taken back later there is nothing."""
    if not move.ratio_old:
        return qty + move.qty
    return round_fraction(Fraction(qty) * move.ratio_new / move.ratio_old, places=6)


def _scale(state: State, qty: Decimal) -> None:
    """A split: every open lot becomes its share of the new quantity; what it cost stays."""
    if not state.qty:
        return
    lots = [lot for lot in state.lots.values() if lot.open_qty]
    parts = largest_remainder(abs(qty), [abs(lot.open_qty) for lot in lots], quantum=MILLIONTH)
    for lot, part in zip(lots, parts, strict=True):
        grown = part if lot.open_qty > 0 else -part
        whole = Fraction(lot.qty) * Fraction(grown) / Fraction(lot.open_qty)
        lot.qty = grown if lot.qty == lot.open_qty else round_fraction(whole, places=6)
        lot.open_qty = grown
    state.qty = qty


def _open(state: State, move: Move, qty: Decimal, cost: Decimal) -> None:
    state.cost += cost
    pool = _pool(state) if move.relief == "average" else None
    if pool is not None:
        pool.qty += qty
        pool.cost += cost
        pool.open_qty += qty
        pool.open_cost += cost
        return
    key = lot_id(move.id)
    state.lots[key] = Lot(
        key, move.id, move.trade_date, move.sequence, move.price, qty, cost, qty, cost
    )


def _pool(state: State) -> Lot | None:
    return next((lot for lot in state.lots.values() if lot.open_qty), None)


def _share(money: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    if part == whole:
        return money
    return round_fraction(Fraction(money) * Fraction(part) / Fraction(whole), places=2)


def _unit(lot: Lot) -> Fraction:
    return Fraction(lot.open_cost) / Fraction(abs(lot.open_qty))


_ORDERS: dict[str, Callable[[Lot], tuple[Fraction | int, int]]] = {
    "lifo": lambda lot: (0, -lot.opened),
    # The dearest first; of shorts, those that brought least: either way the smallest gain.
    "hifo": lambda lot: (-_unit(lot), lot.opened),
}


def _order(state: State, move: Move, picks: Picks) -> list[tuple[Lot, Decimal]]:
    """The open lots in the order they are taken, each with the most that may be taken of it."""
    key = _ORDERS.get(move.relief, lambda lot: (0, lot.opened))
    lots = sorted((lot for lot in state.lots.values() if lot.open_qty), key=key)
    named = [(state.lots[name], qty) for name, qty in picks if name in state.lots]
    return named + [(lot, abs(lot.open_qty)) for lot in lots]
