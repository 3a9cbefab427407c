"""Mark-ups worked out by hand, and the signs that they must have."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from allocations import markup

D = Decimal


def test_a_buy_above_the_market_is_marked_up() -> None:
    # 10,000 at 99.50 with 5.00 fees is 9,955.00; at the market's 99.00 it is 9,900.00:
    # 55.00 more, which is 55 / 9,900 = 0.5556 %.
    found = markup.of(qty=D(10_000), consideration=D("9955.00"), pmp=D(99))
    assert (found.amount, found.percent) == (D("55.00"), D("0.5556"))


def test_a_sale_below_the_market_is_marked_down() -> None:
    # Sold at 98.50 less 5.00 fees brings 9,845.00 where the market gives 9,900.00: 55.00 less.
    found = markup.of(qty=D(-10_000), consideration=D("-9845.00"), pmp=D(99))
    assert (found.amount, found.percent) == (D("55.00"), D("0.5556"))


def test_better_than_the_market_is_below_zero() -> None:
    found = markup.of(qty=D(10_000), consideration=D("9890.00"), pmp=D(99))
    assert (found.amount, found.percent) == (D("-10.00"), D("-0.1010"))


def test_a_price_per_share_counts_whole() -> None:
    found = markup.of(qty=D(10), consideration=D("2320.00"), pmp=D("231.40"), factor=D(1))
    assert found.amount == D("6.00")


def test_several_fills_have_the_average_of_their_markets() -> None:
    assert markup.average([(D(1000), D(99)), (D(3000), D(101))]) == D("100.50000000")


@given(
    st.integers(1, 10**6), st.integers(1, 20_000), st.integers(1, 20_000), st.sampled_from((1, -1))
)
def test_shares_of_a_trade_are_marked_up_as_the_trade_is(
    qty: int, price: int, pmp: int, sign: int
) -> None:
    consideration = (D(sign * qty) * D(price) / 10_000).quantize(D("0.01"))
    if not consideration:
        return
    found = markup.of(qty=D(sign * qty), consideration=consideration, pmp=D(pmp) / 100)
    at_market = Fraction(sign * qty) * Fraction(pmp, 10_000)
    assert abs(Fraction(found.amount) - (Fraction(consideration) - at_market)) <= Fraction(1, 200)
    assert (found.amount > 0) <= (Fraction(consideration) > at_market)
