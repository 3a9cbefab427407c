"""The split over venues against every possible split, tried one by one on small books."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from venues import smart_routing
from venues.orderbook import Level
from venues.smart_routing import Ladder

D = Decimal

UNIT = 100


def possible(ladder: Ladder, qty: int) -> bool:
    """Whether a venue gives exactly this much: whole levels from the best, then a part of one."""
    left = qty
    for level in ladder.levels:
        if left == 0:
            return True
        if left >= level.size:
            left -= int(level.size)
            continue
        whole_steps = left % level.min_increment == 0
        leaves = level.size - left
        return bool(
            left >= level.min_size and whole_steps and leaves >= level.min_balance_remaining
        )
    return left == 0


def price(ladder: Ladder, qty: int, sign: int) -> D:
    left, cost = D(qty), D(0)
    for level in ladder.levels:
        taken = min(left, level.size)
        cost += taken * (sign * level.px + ladder.extra)
        left -= taken
    return cost


def best_of_all(ladders: list[Ladder], qty: int, sign: int) -> tuple[D, D]:
    """The most that can be had, and the least it costs, by trying everything."""
    amounts = [[n for n in range(0, qty + 1, UNIT) if possible(ladder, n)] for ladder in ladders]
    found = [
        (
            D(sum(takes)),
            -sum((price(x, n, sign) for x, n in zip(ladders, takes, strict=True)), D(0)),
        )
        for takes in product(*amounts)
        if sum(takes) <= qty
    ]
    most, cost = max(found)
    return most, -cost


@st.composite
def ladders(draw: st.DrawFn) -> tuple[str, list[Ladder]]:
    side = draw(st.sampled_from(("buy", "sell")))
    sign = 1 if side == "buy" else -1
    found = []
    for venue in "ABC"[: draw(st.integers(1, 3))]:
        steps = draw(st.lists(st.integers(0, 3), min_size=0, max_size=3))
        px, levels = D(100), []
        for step in steps:
            px += sign * (D(step) / 8 + D("0.01"))
            size = draw(st.integers(1, 8)) * UNIT
            levels.append(
                Level(
                    px=px,
                    size=D(size),
                    orders=1,
                    venue_id=venue,
                    min_size=D(draw(st.sampled_from((0, 0, 100, 250, 400)))),
                    min_increment=D(UNIT),
                    min_balance_remaining=D(draw(st.sampled_from((0, 0, 100, 300)))),
                )
            )
        extra = D(draw(st.integers(-20, 20))) / 100
        found.append(Ladder(venue, tuple(levels), extra))
    return side, found


@given(book=ladders(), units=st.integers(1, 12))
def test_no_split_takes_more_and_none_that_takes_as_much_costs_less(
    book: tuple[str, list[Ladder]], units: int
) -> None:
    side, rows = book
    sign, qty = (1 if side == "buy" else -1), units * UNIT
    found = smart_routing.split(rows, side=side, qty=D(qty))
    assert (found.qty, found.cost) == best_of_all(rows, qty, sign)
    by_venue = {row.venue_id: row for row in rows}
    assert sum((take for _, take in found.takes), D(0)) == found.qty <= qty
    cost = D(0)
    for venue, take in found.takes:
        assert take > 0
        assert possible(by_venue[venue], int(take))
        cost += price(by_venue[venue], int(take), sign)
    assert cost == found.cost


@given(
    book=ladders(),
    qty=st.integers(1, 20).map(lambda n: D(n) * 37),
    steps=st.lists(st.sampled_from((1, 50, 100, 130)), min_size=9, max_size=9),
)
def test_whatever_the_steps_nothing_is_taken_twice_or_beyond_the_quantity(
    book: tuple[str, list[Ladder]], qty: D, steps: list[int]
) -> None:
    side, rows = book
    odd = iter(steps)
    rows = [
        Ladder(
            row.venue_id,
            tuple(
                Level(
                    px=level.px,
                    size=level.size,
                    orders=1,
                    venue_id=row.venue_id,
                    min_size=level.min_size,
                    min_increment=D(next(odd)),
                    min_balance_remaining=level.min_balance_remaining,
                )
                for level in row.levels
            ),
            row.extra,
        )
        for row in rows
    ]
    found = smart_routing.split(rows, side=side, qty=qty)
    assert sum((take for _, take in found.takes), D(0)) == found.qty <= qty
    by_venue = {row.venue_id: row for row in rows}
    for venue, take in found.takes:
        assert take == int(take)
        assert possible(by_venue[venue], int(take))
