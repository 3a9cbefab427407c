"""Lots against a second, naive way of counting: single units in a list, never rounded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocations.holdings import costing
from allocations.holdings.costing import Move, State
from tests import effort

D = Decimal
DAY = date(2026, 11, 23)
RELIEFS = ("fifo", "lifo", "hifo", "average")


@st.composite
def histories(draw: st.DrawFn, relief: str | None = None) -> list[Move]:
    """Any trades, busts and corrections of one position."""
    chosen = relief or draw(st.sampled_from(RELIEFS))
    moves: list[Move] = []
    for n in range(draw(st.integers(1, 14))):
        open_trades = [
            m for m in moves if not m.reverses and m.source_id not in {x.reverses for x in moves}
        ]
        if open_trades and draw(st.integers(0, 4)) == 0:
            gone = draw(st.sampled_from(open_trades))
            moves.append(_move(n, -gone.qty, -gone.consideration, chosen, gone.source_id))
            continue
        qty = D(draw(st.integers(1, 8)))
        cents = draw(st.integers(1, 100_000))
        sign = draw(st.sampled_from((1, -1)))
        moves.append(_move(n, sign * qty, sign * D(cents) / 100, chosen))
    return moves


def _move(n: int, qty: D, money: D, relief: str, reverses: str = "") -> Move:
    return Move(
        id=f"mv_{n:03d}",
        source_id=f"ex_{n:03d}",
        sequence=n + 1,
        qty=qty,
        consideration=money,
        trade_date=DAY,
        relief=relief,
        reverses=reverses,
    )


def naive(moves: Sequence[Move], relief: str) -> list[tuple[int, Fraction]]:
    """The open units after all moves, each with its lot and exact cost: no shortcut at all."""
    gone = {m.reverses for m in moves if m.reverses}
    units: list[tuple[int, Fraction]] = []  # (lot's sequence, exact cost of one unit, signed)
    sign = 0
    for move in moves:
        if move.reverses or move.source_id in gone:
            continue
        each = Fraction(move.consideration) / Fraction(abs(move.qty))
        for _ in range(int(abs(move.qty))):
            direction = 1 if move.qty > 0 else -1
            if not units or sign == direction:
                sign = direction
                units.append((move.sequence, each))
            else:
                units.remove(_pick(units, relief))
    return units


def _pick(units: list[tuple[int, Fraction]], relief: str) -> tuple[int, Fraction]:
    if relief == "lifo":
        return max(units, key=lambda u: u[0])
    if relief == "hifo":
        return max(units, key=lambda u: (u[1], -u[0]))
    return min(units, key=lambda u: u[0])


def open_lots(state: State) -> dict[int, D]:
    return {lot.opened: abs(lot.open_qty) for lot in state.lots.values() if lot.open_qty}


@given(histories())
def test_lots_add_up_to_the_position_and_no_cent_is_lost(moves: list[Move]) -> None:
    state = costing.fold(moves)
    alive = costing.effective(moves)
    assert state.qty == sum((m.qty for m in alive), D(0)) == sum((m.qty for m in moves), D(0))
    assert state.qty == sum((lot.open_qty for lot in state.lots.values()), D(0))
    assert state.cost == sum((lot.open_cost for lot in state.lots.values()), D(0))
    # What was paid is in the open lots or has been earned: exact, to the cent, always.
    assert sum((m.consideration for m in alive), D(0)) == state.cost - state.realized
    assert state.realized == sum((one.realized for one in state.closings), D(0))


@pytest.mark.parametrize("relief", ["fifo", "lifo"])
@given(data=st.data())
def test_the_lots_that_are_left_are_those_of_the_naive_count(
    relief: str, data: st.DataObject
) -> None:
    moves = data.draw(histories(relief))
    counted: dict[int, D] = {}
    for opened, _ in naive(moves, relief):
        counted[opened] = counted.get(opened, D(0)) + 1
    state = costing.fold(moves)
    assert open_lots(state) == counted
    exact = sum((cost for _, cost in naive(moves, relief)), Fraction(0))
    # Each closing rounds to the cent once; the exact count never rounds.
    assert abs(Fraction(state.cost) - exact) <= Fraction(len(moves), 100)


@given(histories("hifo"))
def test_highest_cost_first_leaves_no_dearer_unit_than_the_naive_count(moves: list[Move]) -> None:
    exact = sum((cost for _, cost in naive(moves, "hifo")), Fraction(0))
    # Ties and near ties within a cent may fall either way; the money that is left may not.
    assert abs(Fraction(costing.fold(moves).cost) - exact) <= Fraction(len(moves) * 4, 100)


@given(histories())
def test_two_runs_agree_and_pieces_agree_with_the_whole(moves: list[Move]) -> None:
    whole, again = costing.fold(moves), costing.fold(moves)
    assert whole == again
    alive = costing.effective(moves)
    step = State()
    for move in alive:
        costing.apply(step, move)
    assert step == whole


@given(histories())
@settings(max_examples=effort.examples(50))
def test_taking_everything_back_leaves_nothing(moves: list[Move]) -> None:
    n = len(moves)
    gone = {m.reverses for m in moves if m.reverses}
    back = [
        _move(n + k, -m.qty, -m.consideration, m.relief, m.source_id)
        for k, m in enumerate(x for x in moves if not x.reverses and x.source_id not in gone)
    ]
    state = costing.fold([*moves, *back])
    assert not any((state.qty, state.cost, state.realized))


def test_six_trades_through_zero_and_back() -> None:
    """Bought 100 at 10, 100 at 12; sold 150 at 13 (first in: 100 at 10 and 50 at 12);
    sold 100 at 11: the 50 left at 12, and 50 short at 11; bought 30 at 9; bought 70 at 10.

    150 x 13 = 1950 - 1000 - 600 = 350. 50 x 11 = 550 - 600 = -50. 30 short: 330 - 270 = 60.
    20 short: 220 - 200 = 20, and 50 are long at 10. Together 350 - 50 + 60 + 20 = 380.
    """
    trades = ((100, 1000), (100, 1200), (-150, -1950), (-100, -1100), (30, 270), (70, 700))
    seen: list[tuple[Any, ...]] = []
    state = State()
    for n, (qty, money) in enumerate(trades):
        costing.apply(state, _move(n, D(qty), D(money), "fifo"))
        seen.append((state.qty, state.cost, state.realized))
    assert seen == [
        (100, 1000, 0),
        (200, 2200, 0),
        (50, 600, 350),
        (-50, -550, 300),
        (-20, -220, 360),
        (50, 500, 380),
    ]


def test_a_third_of_a_lot_costs_a_third_and_the_last_third_what_is_left() -> None:
    """Three for 10.00: 3.33, then half of the 6.67 left is 3.34 (half up), then 3.33."""
    state = State()
    costing.apply(state, _move(0, D(3), D("10.00"), "fifo"))
    costs = []
    for n in range(3):
        costing.apply(state, _move(n + 1, D(-1), D("-4.00"), "fifo"))
        costs.append(state.closings[-1].cost)
    assert costs == [D("3.33"), D("3.34"), D("3.33")]
    assert state.realized == D("2.00")


@pytest.mark.parametrize(
    ("relief", "realized"),
    # Bought at 10, 12 and 11; one sold for 13: 13 - 10, 13 - 11, 13 - 12, 13 - 33 / 3.
    [("fifo", "3"), ("lifo", "2"), ("hifo", "1"), ("average", "2")],
)
def test_each_relief_takes_its_own_lot(relief: str, realized: str) -> None:
    bought = [_move(n, D(1), D(cost), relief) for n, cost in enumerate((10, 12, 11))]
    state = costing.fold([*bought, _move(3, D(-1), D(-13), relief)])
    assert state.realized == D(realized)


def test_named_lots_are_taken_first_and_the_rest_first_in() -> None:
    """Three lots of 2 for 20, 24 and 22; 3 sold for 39: 2 of the second, then 1 of the first."""
    bought = [_move(n, D(2), D(cost), "specific") for n, cost in enumerate((20, 24, 22))]
    sale = _move(3, D(-3), D(-39), "specific")
    state = costing.fold([*bought, sale], picks={sale.id: [("tl_001", D(2))]})
    taken: list[tuple[Any, ...]] = [(c.lot_id, c.qty, c.cost) for c in state.closings]
    assert taken == [
        ("tl_001", 2, 24),
        ("tl_000", 1, 10),
    ]
    assert state.realized == 5
