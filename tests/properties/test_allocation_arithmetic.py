"""Splitting fills over accounts: nothing is lost, nothing is invented, and chance has no part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from hypothesis import assume, example, given
from hypothesis import strategies as st

from allocations.strategies import STRATEGIES, Lot, Share, Slice, allot

MONEY = ("principal", "accrued_interest", "fees")
INCREMENTS = st.sampled_from([Decimal(1), Decimal(100), Decimal(1000), Decimal("0.000001")])
names = st.sampled_from(sorted(STRATEGIES))
cents = st.decimals(min_value=0, max_value=10**9, places=2)
signed_cents = st.decimals(min_value=-(10**6), max_value=10**6, places=2)
quantities = st.one_of(
    st.integers(1, 5_000).map(lambda n: Decimal(n * 1000)),
    st.decimals(min_value=Decimal("0.000001"), max_value=10**9, places=6),
)


@st.composite
def lots(draw: st.DrawFn, *, outside: bool = True) -> list[Lot]:
    count = draw(st.integers(1, 8))
    return [
        Lot(
            id=f"ex_{n}",
            sequence=n,
            qty=draw(quantities),
            price=draw(st.decimals(min_value=1, max_value=200, places=8)),
            principal=draw(cents),
            accrued_interest=draw(signed_cents),
            fees=draw(cents),
            trade_date=date(2026, 3, draw(st.integers(2, 3))),
            settlement_date=date(2026, 3, 4),
            bypass_trade_booking=outside and draw(st.booleans()),
        )
        for n in range(1, count + 1)
    ]


shares = st.lists(quantities, min_size=1, max_size=8).map(
    lambda asked: [
        Share(account_id=f"acc_{n}", requested_qty=qty, position=n) for n, qty in enumerate(asked)
    ]
)


def total(rows: Sequence[Lot] | Sequence[Slice], name: str) -> Decimal:
    return sum((getattr(row, name) for row in rows), Decimal(0))


def got(slices: Sequence[Slice], share: Share) -> Decimal:
    return total([piece for piece in slices if piece.account_id == share.account_id], "qty")


@given(names, lots(), shares, INCREMENTS)
def test_every_unit_and_every_cent_of_the_fills_is_given_once(
    name: str, fills: list[Lot], basis: list[Share], increment: Decimal
) -> None:
    slices = allot(name, lots=fills, shares=basis, min_increment=increment)
    for what in ("qty", *MONEY):
        assert total(slices, what) == total(fills, what)
    assert all(piece.qty > 0 for piece in slices)


@given(names, lots(), shares, INCREMENTS, st.randoms(use_true_random=False))
def test_the_same_facts_in_any_order_give_the_same_split(
    name: str, fills: list[Lot], basis: list[Share], increment: Decimal, chance: object
) -> None:
    first = allot(name, lots=fills, shares=basis, min_increment=increment)
    shuffled, mixed = list(fills), list(basis)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis's Random
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # Hypothesis's Random
    assert allot(name, lots=shuffled, shares=mixed, min_increment=increment) == first


@given(names, lots(outside=False), shares, INCREMENTS, st.data())
def test_a_later_fill_never_changes_an_earlier_leg(
    name: str, fills: list[Lot], basis: list[Share], increment: Decimal, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(fills)))
    before = allot(name, lots=fills[:cut], shares=basis, min_increment=increment)
    after = allot(name, lots=fills, shares=basis, min_increment=increment, taken=before)
    for what in ("qty", *MONEY):
        assert total([*before, *after], what) == total(fills, what)
    again = allot(name, lots=fills, shares=basis, min_increment=increment, taken=[*before, *after])
    assert again == []


@given(lots(), shares, INCREMENTS)
def test_booking_fill_by_fill_gives_what_booking_at_once_gives(
    fills: list[Lot], basis: list[Share], increment: Decimal
) -> None:
    name = "fifo_without_averaging"
    step_by_step: list[Slice] = []
    for n in range(1, len(fills) + 1):
        step_by_step += allot(
            name, lots=fills[:n], shares=basis, min_increment=increment, taken=step_by_step
        )
    assert step_by_step == allot(name, lots=fills, shares=basis, min_increment=increment)


@given(names, lots(), shares, INCREMENTS)
def test_nobody_gets_more_than_requested_before_everybody_has_enough(
    name: str, fills: list[Lot], basis: list[Share], increment: Decimal
) -> None:
    assume(total(fills, "qty") <= sum(share.requested_qty for share in basis))
    slices = allot(name, lots=fills, shares=basis, min_increment=increment)
    assert all(got(slices, share) <= share.requested_qty for share in basis)


@given(names, lots(), st.data(), INCREMENTS)
def test_a_complete_fill_gives_everyone_exactly_the_request(
    name: str, fills: list[Lot], data: st.DataObject, increment: Decimal
) -> None:
    whole = total(fills, "qty")
    first = data.draw(st.decimals(min_value=Decimal("0.000001"), max_value=whole, places=6))
    assume(first < whole)
    basis = [
        Share(account_id="a", requested_qty=first, position=0),
        Share(account_id="b", requested_qty=whole - first, position=1),
    ]
    slices = allot(name, lots=fills, shares=basis, min_increment=increment)
    assert [got(slices, share) for share in basis] == [first, whole - first]


@given(lots(), shares, INCREMENTS)
@example(
    [
        Lot(
            id="ex_1",
            sequence=1,
            qty=Decimal(1000),
            price=Decimal(99),
            principal=Decimal("990.00"),
            accrued_interest=Decimal(0),
            fees=Decimal("10.01"),
            trade_date=date(2026, 3, 2),
            settlement_date=date(2026, 3, 3),
        )
    ],
    [Share(account_id=f"acc_{n}", requested_qty=Decimal(1000), position=n) for n in range(3)],
    Decimal(1),
)
def test_a_proportional_part_is_less_than_one_step_from_its_exact_share(
    fills: list[Lot], basis: list[Share], increment: Decimal
) -> None:
    one = [fills[0]]
    wanted = sum((share.requested_qty for share in basis), Decimal(0))
    assume(one[0].qty <= wanted)
    slices = allot("pro_rata_with_averaging", lots=one, shares=basis, min_increment=increment)
    assert len({piece.price for piece in slices}) == 1
    for share in basis:
        off = got(slices, share) * wanted - one[0].qty * share.requested_qty
        assert abs(off) < increment * wanted


@given(names, lots(), shares, st.sampled_from([Decimal(100), Decimal(5000), Decimal("0.5")]))
def test_a_least_piece_loses_nothing_and_two_runs_agree(
    name: str, fills: list[Lot], basis: list[Share], piece: Decimal
) -> None:
    terms = {"lots": fills, "shares": basis, "min_increment": Decimal(100), "min_piece": piece}
    slices = allot(name, **terms)  # type: ignore[arg-type]  # the names of its parameters
    for what in ("qty", *MONEY):
        assert total(slices, what) == total(fills, what)
    assert allot(name, **terms) == slices  # type: ignore[arg-type]  # as above
    if total(fills, "qty") <= sum(share.requested_qty for share in basis):
        assert all(got(slices, share) <= share.requested_qty for share in basis)
