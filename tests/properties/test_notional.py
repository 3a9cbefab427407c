"""Money turned into a quantity: against a naive count, to the cent, the same each time."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from orders import notional
from orders.notional import Priced

D = Decimal
MONIES = st.integers(1, 10**9).map(lambda cents: D(cents) / 100)
PRICES = st.integers(1, 10**6).map(lambda n: D(n) / 8 / 100)
INCREMENTS = st.sampled_from([D("0.000001"), D("0.01"), D(1), D(5), D(1000)])
FACTORS = st.sampled_from([D(1), D("0.01")])


@given(MONIES, PRICES, INCREMENTS, FACTORS)
def test_every_cent_is_bought_with_or_left_over(
    money: D, price: D, increment: D, factor: D
) -> None:
    one = notional.part(money, priced=Priced(price, "test"), factor=factor, increment=increment)
    assert one.principal + one.residual == money
    assert one.residual >= 0
    assert one.qty % increment == 0
    assert one == notional.part(
        money, priced=Priced(price, "test"), factor=factor, increment=increment
    )
    unit = Fraction(price) * Fraction(factor)
    # It never costs more than was given, and one increment more would.
    assert Fraction(one.qty) * unit <= money < (Fraction(one.qty) + Fraction(increment)) * unit
    assert abs(Fraction(one.principal) - Fraction(one.qty) * unit) <= Fraction(1, 200)


@given(st.integers(1, 20_000), st.integers(1, 500), FACTORS)
def test_the_quantity_is_what_buying_one_by_one_comes_to(cents: int, price: int, factor: D) -> None:
    money, spent, bought = Fraction(cents, 100), Fraction(0), 0
    while spent + price * Fraction(factor) <= money and bought < 1000:
        spent += price * Fraction(factor)
        bought += 1
    got = notional.buys(D(cents) / 100, price=D(price), factor=factor, increment=D(1))
    assert got == bought or bought == 1000


def test_a_hundred_at_thirty_three_buys_three_and_leaves_one() -> None:
    # 3 x 33 = 99; 100 - 99 = 1.
    one = notional.part(D(100), priced=Priced(D(33), "limit"), factor=D(1), increment=D(1))
    assert (one.qty, one.principal, one.residual) == (D(3), D("99.00"), D("1.00"))


def test_a_fractional_increment_leaves_less_than_it_costs() -> None:
    # 100 / 33 = 3.030303...; 3.030303 x 33 = 99.999999, which is 100.00 to the cent.
    one = notional.part(D(100), priced=Priced(D(33), "limit"), factor=D(1), increment=D("0.000001"))
    assert (one.qty, one.principal, one.residual) == (D("3.030303"), D("100.00"), D("0.00"))
