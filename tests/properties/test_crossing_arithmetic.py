"""Which orders cross, and how much, against every amount that could be, tried one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orders.crossing.pairing import Interest, Sizes, amount, pairs, strangers

D = Decimal
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
PRICE = D("99.3125")


@st.composite
def interests(draw: st.DrawFn) -> list[Interest]:
    found = []
    for n in range(draw(st.integers(0, 7))):
        side = draw(st.sampled_from(("buy", "sell")))
        limit = draw(st.sampled_from((None, D("99"), PRICE, D("100"))))
        accounts = draw(st.frozensets(st.sampled_from("abcd"), max_size=2))
        found.append(
            Interest(
                f"or_{n}",
                side,
                D(draw(st.integers(1, 12)) * draw(st.sampled_from((100, 250)))),
                limit,
                accounts,
                START + timedelta(seconds=draw(st.integers(0, 3))),
                draw(st.booleans()),
            )
        )
    return found


SIZES = st.builds(
    Sizes, st.sampled_from((D(1), D(50), D(100))), st.sampled_from((D(1), D(100), D(300), D(1000)))
)


def allowed(qty: D, of_buy: D, of_sell: D, sizes: Sizes) -> bool:
    """Whether an amount may cross: in steps, no small piece, and no remainder that cannot trade."""
    rests = (of_buy - qty, of_sell - qty)
    return (
        qty >= sizes.least
        and qty % sizes.step == 0
        and all(rest == 0 or rest >= sizes.least for rest in rests)
    )


@given(book=interests(), sizes=SIZES)
def test_what_crosses_is_inside_both_limits_and_never_more_than_is_free(
    book: list[Interest], sizes: Sizes
) -> None:
    known = {one.order_id: one for one in book}
    left = {one.order_id: one.free for one in book}
    for pair in pairs(book, price=PRICE, sizes=sizes):
        buy, sell = known[pair.buy], known[pair.sell]
        assert (buy.side, sell.side) == ("buy", "sell")
        assert buy.limit is None or buy.limit >= PRICE
        assert sell.limit is None or sell.limit <= PRICE
        assert buy.accounts
        assert sell.accounts
        assert not buy.accounts & sell.accounts
        assert allowed(pair.qty, left[pair.buy], left[pair.sell], sizes)
        for one in (buy, sell):
            assert not one.whole or pair.qty == one.free
            left[one.order_id] -= pair.qty
    assert all(rest >= 0 for rest in left.values())


@given(book=interests(), sizes=SIZES, seed=st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_found_changes_nothing(
    book: list[Interest], sizes: Sizes, seed: object
) -> None:
    shuffled = list(book)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert pairs(shuffled, price=PRICE, sizes=sizes) == pairs(book, price=PRICE, sizes=sizes)


@given(
    of_buy=st.integers(1, 30).map(lambda n: D(n * 50)),
    of_sell=st.integers(1, 30).map(lambda n: D(n * 50)),
    sizes=SIZES,
)
def test_no_larger_amount_could_have_crossed(of_buy: D, of_sell: D, sizes: Sizes) -> None:
    buy, sell = (
        Interest(side, side, qty, None, frozenset(side), START)
        for side, qty in (("buy", of_buy), ("sell", of_sell))
    )
    found = amount(buy, sell, of_buy, of_sell, sizes)
    tried = [D(n) for n in range(1, int(min(of_buy, of_sell)) + 1)]
    best = max((qty for qty in tried if allowed(qty, of_buy, of_sell, sizes)), default=D(0))
    assert found == best


@given(book=interests(), sizes=SIZES)
def test_nothing_that_could_cross_is_left_beside_each_other(
    book: list[Interest], sizes: Sizes
) -> None:
    left = {one.order_id: one.free for one in book}
    for pair in pairs(book, price=PRICE, sizes=sizes):
        left[pair.buy] -= pair.qty
        left[pair.sell] -= pair.qty
    for buy in (one for one in book if one.side == "buy"):
        for sell in (one for one in book if one.side == "sell"):
            admits = (buy.limit is None or buy.limit >= PRICE) and (
                sell.limit is None or sell.limit <= PRICE
            )
            if admits and strangers(buy, sell) and not (buy.whole or sell.whole):
                rest = (left[buy.order_id], left[sell.order_id])
                assert amount(buy, sell, *rest, sizes) == 0
