"""The strategies on numbers that fit on a page."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from allocations.strategies import STRATEGIES, Lot, Share, Slice, StrategyError, allot

D = Decimal
FIFO, PRO_RATA = "fifo_without_averaging", "pro_rata_with_averaging"


def lot(n: int, qty: str, price: str, **changes: Any) -> Lot:
    values: dict[str, Any] = {
        "id": f"ex_{n}",
        "sequence": n,
        "qty": D(qty),
        "price": D(price),
        "principal": (D(qty) * D(price) / 100).quantize(D("0.01")),
        "accrued_interest": D("0.00"),
        "fees": D("0.00"),
        "trade_date": date(2026, 3, 2),
        "settlement_date": date(2026, 3, 3),
    }
    return Lot(**{**values, **changes})


def basis(**requested: int) -> list[Share]:
    return [
        Share(account_id=name, requested_qty=D(qty), position=n)
        for n, (name, qty) in enumerate(requested.items())
    ]


def split(name: str, lots: list[Lot], shares: list[Share], **options: Any) -> list[Slice]:
    return allot(name, lots=lots, shares=shares, **{"min_increment": D(1000), **options})


def brief(slices: list[Slice]) -> list[tuple[str, int, str]]:
    return [(s.account_id, int(s.qty), f"{s.price.normalize():f}") for s in slices]


def test_fills_are_poured_into_accounts_in_list_order_at_their_own_prices() -> None:
    slices = split(FIFO, [lot(1, "6000", "84"), lot(2, "4000", "85")], basis(A=5000, B=5000))
    assert brief(slices) == [("A", 5000, "84"), ("B", 1000, "84"), ("B", 4000, "85")]
    assert [s.principal for s in slices] == [D("4200.00"), D("840.00"), D("3400.00")]


def test_an_averaged_block_gives_everyone_the_same_price() -> None:
    fills = [lot(1, "600000", "99"), lot(2, "400000", "101.5")]
    slices = split(PRO_RATA, fills, basis(A=400_000, B=350_000, C=250_000))
    assert brief(slices) == [("A", 400000, "100"), ("B", 350000, "100"), ("C", 250000, "100")]
    assert all(s.lot_ids == ("ex_1", "ex_2") for s in slices)


def test_a_part_of_a_block_is_split_in_whole_increments() -> None:
    slices = split(PRO_RATA, [lot(1, "4000", "99")], basis(A=4000, B=3500, C=2500))
    assert brief(slices) == [("A", 2000, "99"), ("B", 1000, "99"), ("C", 1000, "99")]


def test_less_than_an_increment_goes_in_one_piece() -> None:
    slices = split(PRO_RATA, [lot(1, "2500", "99")], basis(A=5000, B=5000))
    assert brief(slices) == [("A", 1500, "99"), ("B", 1000, "99")]


def test_a_tie_goes_to_the_larger_request_then_to_the_earlier_account() -> None:
    small_first = split(PRO_RATA, [lot(1, "2000", "99")], basis(small=1000, large=3000))
    assert brief(small_first) == [("large", 2000, "99")]
    equal = split(PRO_RATA, [lot(1, "1000", "99")], basis(first=2000, second=2000))
    assert brief(equal) == [("first", 1000, "99")]


def test_the_last_cents_of_a_fee_go_to_the_first_of_equals() -> None:
    fill = lot(1, "3000", "99", fees=D("10.01"))
    slices = split(FIFO, [fill], basis(A=1000, B=1000, C=1000))
    assert [s.fees for s in slices] == [D("3.34"), D("3.34"), D("3.33")]


def test_what_exceeds_all_requests_is_split_like_the_requests() -> None:
    for name in STRATEGIES:
        slices = split(name, [lot(1, "13000", "99")], basis(A=8000, B=2000))
        assert brief(slices) == [("A", 10000, "99"), ("B", 3000, "99")]


def test_what_has_been_booked_is_not_split_again() -> None:
    shares, first = basis(A=5000, B=5000), lot(1, "6000", "84")
    before = split(FIFO, [first], shares)
    after = split(FIFO, [first, lot(2, "4000", "85")], shares, taken=before)
    assert brief(after) == [("B", 4000, "85")]


def test_a_late_fill_is_averaged_on_its_own() -> None:
    shares, first = basis(A=6000, B=4000), lot(1, "5000", "99")
    before = split(PRO_RATA, [first], shares)
    after = split(PRO_RATA, [first, lot(2, "5000", "101")], shares, taken=before)
    assert brief(before) == [("A", 3000, "99"), ("B", 2000, "99")]
    assert brief(after) == [("A", 3000, "101"), ("B", 2000, "101")]


@pytest.mark.parametrize(
    "other", [{"settlement_date": date(2026, 3, 4)}, {"bypass_trade_booking": True}]
)
def test_fills_that_are_booked_differently_are_averaged_apart(other: dict[str, Any]) -> None:
    fills = [lot(1, "5000", "99"), lot(2, "5000", "101", **other)]
    slices = split(PRO_RATA, fills, basis(A=10000))
    assert brief(slices) == [("A", 5000, "99"), ("A", 5000, "101")]


def test_negative_accrued_interest_is_split_to_the_cent() -> None:
    fill = lot(1, "3000", "99", accrued_interest=D("-0.05"))
    slices = split(FIFO, [fill], basis(A=1000, B=1000, C=1000))
    assert [s.accrued_interest for s in slices] == [D("-0.02"), D("-0.02"), D("-0.01")]


@pytest.mark.parametrize(
    ("code", "lots", "shares"),
    [
        ("lot_not_positive", [lot(1, "-1000", "99")], basis(A=1000)),
        ("money_not_in_cents", [lot(1, "1000", "99", fees=D("0.001"))], basis(A=1000)),
        ("qty_too_fine", [lot(1, "0.0000001", "99")], basis(A=1000)),
        ("duplicate_lot", [lot(1, "1000", "99"), lot(1, "1000", "99")], basis(A=2000)),
        ("no_accounts", [lot(1, "1000", "99")], []),
        ("share_not_positive", [lot(1, "1000", "99")], basis(A=0)),
    ],
)
def test_what_cannot_be_split_is_refused_with_a_code(
    code: str, lots: list[Lot], shares: list[Share]
) -> None:
    with pytest.raises(StrategyError) as refused:
        split(FIFO, lots, shares)
    assert refused.value.code == code


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(StrategyError, match="no allocation strategy"):
        split("best_for_me", [lot(1, "1000", "99")], basis(A=1000))


def test_legs_that_disagree_with_their_fills_are_refused() -> None:
    shares, fill = basis(A=5000), lot(1, "5000", "99")
    (booked,) = split(FIFO, [fill], shares)
    other = lot(1, "5000", "99", principal=booked.principal + D("0.01"))
    for lots in ([other], []):
        with pytest.raises(StrategyError) as refused:
            split(FIFO, lots, shares, taken=[booked])
        assert refused.value.code == "legs_disagree"


def test_only_strategies_without_averaging_book_per_fill() -> None:
    assert STRATEGIES[FIFO].books_per_fill
    assert not STRATEGIES[PRO_RATA].books_per_fill
