"""Every share and every cent lands once: currencies, splits, coupons, for any numbers."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from allocations.holdings import costing, coupons, fx
from allocations.holdings.costing import Move, State
from oms_site.kit.numbers import round_fraction
from venues.analytics import ACTUAL_ICMA, THIRTY_360, Bond

D = Decimal
CENTS = st.integers(-(10**12), 10**12).map(lambda units: D(units).scaleb(-2))
RATES = st.integers(1, 10**13).map(lambda units: D(units).scaleb(-10))
QUANTITIES = st.integers(1, 10**12).map(lambda units: D(units).scaleb(-3))


@given(st.lists(CENTS, max_size=12), RATES)
def test_changed_money_adds_up_to_what_its_sum_comes_to(amounts: list[D], rate: D) -> None:
    changed = fx.convert(amounts, rate)
    exact = [Fraction(amount) * Fraction(rate) for amount in amounts]
    assert sum(changed, D(0)) == round_fraction(sum(exact, Fraction(0)), places=2)
    assert all(
        abs(Fraction(got) - due) < Fraction(1, 100) for got, due in zip(changed, exact, strict=True)
    )
    assert fx.convert(amounts, rate) == changed


@given(st.lists(CENTS, min_size=1, max_size=8), RATES)
def test_money_taken_back_at_its_own_rate_leaves_nothing(amounts: list[D], rate: D) -> None:
    # One by one, as a bust is: each comes to exactly what it came to before, the other way.
    for amount in amounts:
        (there,), (back,) = fx.convert([amount], rate), fx.convert([-amount], rate)
        assert there == -back


def move(n: int, qty: D, money: D, *, is_split: bool = False) -> Move:
    return Move(
        id=f"mv_{n}",
        source_id=f"s{n}",
        sequence=n,
        qty=qty,
        consideration=money,
        trade_date=date(2026, 1, 1),
        is_split=is_split,
    )


@given(
    st.lists(st.tuples(QUANTITIES, CENTS.map(abs)), min_size=1, max_size=6),
    st.integers(1, 50),
    st.integers(1, 50),
    st.booleans(),
)
def test_a_split_gives_every_share_to_a_lot_and_moves_no_cost(
    buys: list[tuple[D, D]], new: int, old: int, short: bool
) -> None:
    state, sign = State(), -1 if short else 1
    for n, (qty, money) in enumerate(buys):
        costing.apply(state, move(n, sign * qty, sign * money))
    cost, before = state.cost, {lot.id: lot.open_cost for lot in state.lots.values()}
    target = round_fraction(Fraction(state.qty) * new / old, places=6)
    costing.apply(state, move(99, target - state.qty, D("0.00"), is_split=True))
    assert state.qty == target == sum((lot.open_qty for lot in state.lots.values()), D(0))
    assert (state.cost, state.realized) == (cost, D(0))
    assert {lot.id: lot.open_cost for lot in state.lots.values()} == before


@given(
    st.dates(date(2000, 1, 1), date(2020, 12, 31)),
    st.integers(30, 12_000),
    st.sampled_from([1, 2, 4, 12]),
    st.sampled_from([ACTUAL_ICMA, THIRTY_360]),
    st.integers(1, 15_000).map(lambda units: D(units).scaleb(-3)),
)
def test_a_bond_pays_on_its_own_days_never_more_than_a_whole_coupon(
    issued: date, days: int, frequency: int, day_count: str, percent: D
) -> None:
    bond = Bond(issued, issued + timedelta(days=days), percent, frequency, day_count)
    paid = coupons.between(bond, bond.issue_date, bond.maturity_date)
    assert paid[-1].day == bond.maturity_date
    assert all(one.day > bond.issue_date for one in paid)
    assert sorted({one.day for one in paid}) == [one.day for one in paid]
    whole = round_fraction(Fraction(percent) / frequency, places=10)
    # Only the first period can be less than whole.
    assert all(one.rate == whole for one in paid[1:])
    assert 0 <= paid[0].rate <= whole


def test_two_years_of_a_half_yearly_bond_by_hand() -> None:
    bond = Bond(date(2024, 3, 15), date(2026, 8, 31), D("5"), 2, THIRTY_360)
    paid = coupons.between(bond, date(2024, 1, 1), date(2026, 12, 31))
    # The last days of August and February; the first one for 165 of 180 days: 2.5 × 165/180.
    days = [date(2024, 8, 31), date(2025, 2, 28), date(2025, 8, 31)]
    assert [one.day for one in paid] == [*days, date(2026, 2, 28), date(2026, 8, 31)]
    assert paid[0].rate == round_fraction(Fraction(D("2.5")) * Fraction(166, 180), places=10)
    assert [one.rate for one in paid[1:]] == [D("2.5")] * 4
