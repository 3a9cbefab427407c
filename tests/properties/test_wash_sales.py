"""Wash sales: worked by hand from the rule's own examples, and against a naive count of shares."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.holdings import costing, wash
from allocations.holdings.costing import Move, lot_id

D = Decimal
DAY = date(2026, 3, 2)


def move(n: int, qty: int, money: str, day: int, **changes: object) -> Move:
    values: dict[str, object] = {
        "id": f"mv_{n}",
        "source_id": f"ex_{n}",
        "sequence": n,
        "qty": D(qty),
        "consideration": D(money),
        "trade_date": DAY + timedelta(days=day),
        **changes,
    }
    return Move(**values)  # type: ignore[arg-type]  # the names of Move's own fields


def found(*moves: Move) -> list[tuple[str, Fraction, D]]:
    return [(one.lot_id, one.qty, one.disallowed) for one in wash.of(moves)]


def test_buying_again_within_thirty_days_washes_the_loss_out() -> None:
    # IRS publication 550: bought 100 for 1000, sold for 750, bought 100 again within 30 days for
    # 800: the loss of 250 does not count, and is added to the new cost: 1050.
    moves = (move(1, 100, "1000", -60), move(2, -100, "-750", 0), move(3, 100, "800", 20))
    assert found(*moves) == [("tl_3", Fraction(100), D("250.00"))]
    assert wash.by_lot(wash.of(moves)) == {"tl_3": D("250.00")}


def test_only_as_many_shares_as_were_bought_are_washed() -> None:
    # Sold 100 at a loss of 250, bought 40 again: 40/100 of 250 = 100.
    moves = (move(1, 100, "1000", -60), move(2, -100, "-750", 0), move(3, 40, "320", 20))
    assert found(*moves) == [("tl_3", Fraction(40), D("100.00"))]


@pytest.mark.parametrize(("day", "washed"), [(30, True), (31, False), (0, True)])
def test_the_thirtieth_day_counts_and_the_next_does_not(day: int, washed: bool) -> None:
    moves = (move(1, 100, "1000", -60), move(2, -100, "-750", 0), move(3, 100, "800", day))
    assert bool(found(*moves)) == washed


@pytest.mark.parametrize(("day", "washed"), [(-30, True), (-31, False)])
def test_what_was_bought_before_the_sale_counts_too(day: int, washed: bool) -> None:
    moves = (move(1, 100, "1000", -60), move(2, 100, "800", day), move(3, -100, "-750", 0))
    assert found(*moves) == ([("tl_2", Fraction(100), D("250.00"))] if washed else [])


def test_the_rest_of_the_lot_that_was_sold_is_no_replacement() -> None:
    assert found(move(1, 200, "2000", -5), move(2, -100, "-750", 0)) == []


def test_a_gain_is_never_washed() -> None:
    moves = (move(1, 100, "1000", -60), move(2, -100, "-1250", 0), move(3, 100, "800", 1))
    assert found(*moves) == []


def test_a_share_washes_only_one_loss() -> None:
    moves = (
        move(1, 100, "1000", -60),
        move(2, -50, "-400", 0),
        move(3, -50, "-300", 1),
        move(4, 60, "480", 2),
    )
    # 50 shares wash the first loss of 500 - 400 = 100, the other 10 of the second's 200: 40.
    assert found(*moves) == [
        ("tl_4", Fraction(50), D("100.00")),
        ("tl_4", Fraction(10), D("40.00")),
    ]


def test_a_short_is_washed_by_the_next_short() -> None:
    moves = (move(1, -100, "-1000", -60), move(2, 100, "1250", 0), move(3, -100, "-1100", 3))
    assert found(*moves) == [("tl_3", Fraction(100), D("250.00"))]


def test_a_split_between_keeps_the_loss() -> None:
    moves = (
        move(1, 100, "1000", -60),
        move(5, 10, "90", -59),
        move(2, -100, "-750", 0),
        move(3, 10, "0", 5, is_split=True),  # two for one of the ten that are left
        move(4, 100, "400", 10),
    )
    # 100 new shares are 50 of those that were sold: half of the 250 is washed out.
    assert found(*moves) == [("tl_4", Fraction(100), D("125.00"))]


def test_what_was_taken_back_washes_nothing() -> None:
    moves = (
        move(1, 100, "1000", -60),
        move(2, -100, "-750", 0),
        move(3, 100, "800", 5),
        move(4, -100, "-800", 6, reverses="ex_3"),
    )
    assert found(*moves) == []


def test_a_split_of_shares_whose_purchase_was_busted_washes_nothing() -> None:
    moves = (
        move(1, 100, "1000", 0),
        move(2, 100, "0", 1, is_split=True, ratio_new=2, ratio_old=1),
        move(3, -100, "-1000", 2, reverses="ex_1"),
        move(4, -100, "0", 2, is_split=True, reverses="ex_2"),
        move(5, 50, "250", 3),
    )
    assert found(*moves) == []
    # Nor while nothing takes the split itself back.
    assert found(*moves[:3], moves[4]) == []
    # What was sold before it is twice as many shares since.
    sold = (move(6, 10, "100", -9), move(7, -10, "-50", -8))
    assert found(*sold, *moves[:3], moves[4]) == [("tl_5", Fraction(20), D("50.00"))]


def test_parts_of_a_loss_add_up_to_it_to_the_cent() -> None:
    moves = (
        move(1, 100, "1000.01", -60),
        move(2, -100, "-900", 0),
        move(3, 50, "450", 1),
        move(4, 50, "450", 2),
    )
    # The loss is 100.01; two halves of 50.005 are 50.01 and what is left.
    assert found(*moves) == [
        ("tl_3", Fraction(50), D("50.01")),
        ("tl_4", Fraction(50), D("50.00")),
    ]
    assert wash.by_lot(wash.of(moves)) == {"tl_3": D("50.01"), "tl_4": D("50.00")}


@st.composite
def histories(draw: st.DrawFn) -> list[Move]:
    day, moves = 0, []
    for n in range(1, draw(st.integers(2, 12))):
        day += draw(st.integers(0, 25))
        sign = draw(st.sampled_from((1, -1)))
        qty, cents = draw(st.integers(1, 8)), draw(st.integers(1, 100_000))
        moves.append(move(n, sign * qty, str(sign * D(cents) / 100), day))
    return moves


@given(histories())
def test_no_share_is_washed_or_washes_twice_and_all_lie_within_the_window(
    moves: list[Move],
) -> None:
    washed = wash.of(moves)
    state = costing.fold(moves)
    closings = {(one.movement_id, one.lot_id): one for one in state.closings}
    days = {lot_id(one.id): one.trade_date for one in moves}
    sold: dict[tuple[str, str], Fraction] = {}
    used: dict[str, Fraction] = {}
    for one in washed:
        key = (one.sold_by, one.sold_lot)
        sold[key] = sold.get(key, Fraction(0)) + one.qty
        used[one.lot_id] = used.get(one.lot_id, Fraction(0)) + one.qty
        assert abs(days[one.lot_id] - one.sold_on) <= wash.WINDOW
        assert one.lot_id != one.sold_lot
        assert one.loss > 0
    for key, qty in sold.items():
        closing = closings[key]
        assert closing.realized < 0
        assert qty <= abs(closing.qty)
        mine = sum((o.loss for o in washed if (o.sold_by, o.sold_lot) == key), Fraction(0))
        assert mine <= -Fraction(closing.realized)
        # All of it washed is the whole loss, to the last fraction of a cent.
        assert (qty == abs(closing.qty)) == (mine == -Fraction(closing.realized))
        cents = [o.disallowed for o in washed if (o.sold_by, o.sold_lot) == key]
        assert min(cents) >= 0
        assert sum(cents) <= -closing.realized
        if qty == abs(closing.qty):
            assert sum(cents) == -closing.realized
    for key_, qty in used.items():
        assert qty <= abs(state.lots[key_].qty)
    assert sum(wash.by_lot(washed).values()) == sum(one.disallowed for one in washed)
    assert washed == wash.of(moves)


@given(histories())
def test_a_loss_without_a_purchase_around_it_is_never_flagged(moves: list[Move]) -> None:
    state = costing.fold(moves)
    flagged = {(one.sold_by, one.sold_lot) for one in wash.of(moves)}
    for one in state.closings:
        others = [
            lot
            for lot in state.lots.values()
            if lot.id != one.lot_id
            and abs(lot.acquired - one.closed) <= wash.WINDOW
            and (lot.qty > 0) == (one.qty > 0)
        ]
        if not others:
            assert (one.movement_id, one.lot_id) not in flagged
