"""Two sides of a trade: what is within its tolerance matches, what is one step beyond does not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from allocations.settlement import comparing

D = Decimal
OURS: dict[str, Any] = {
    "account": "A",
    "cusip": "037833DP2",
    "side": "buy",
    "qty": D(1000),
    "price": D("99.4000000000"),
    "principal": D("994.00"),
    "accrued_interest": D("8.20"),
    "net_money": D("1002.20"),
    "trade_date": date(2026, 11, 23),
    "settlement_date": date(2026, 11, 24),
}
TOLERANCES = {name: D("0.01") for name in ("principal", "accrued_interest", "net_money")} | {
    "price": D("0.001")
}


def apart(**theirs: Any) -> list[str]:
    found = comparing.differences(OURS, {**OURS, **theirs}, tolerances=TOLERANCES)
    return [one["field"] for one in found]


def test_the_same_matches_however_it_is_written() -> None:
    assert apart(price=D("99.4"), qty=D("1000.000000")) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_as_far_as_the_tolerance_matches_and_a_step_beyond_does_not(sign: int) -> None:
    assert apart(net_money=OURS["net_money"] + sign * D("0.01")) == []
    assert apart(net_money=OURS["net_money"] + sign * D("0.02")) == ["net_money"]
    assert apart(price=OURS["price"] + sign * D("0.001")) == []
    assert apart(price=OURS["price"] + sign * D("0.0011")) == ["price"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account", "B"),
        ("cusip", "x"),
        ("side", "sell"),
        ("qty", D(999)),
        ("trade_date", date(2026, 11, 20)),
        ("settlement_date", date(2026, 11, 25)),
    ],
)
def test_what_has_no_tolerance_must_be_the_same(name: str, value: Any) -> None:
    assert apart(**{name: value}) == [name]


def test_differences_are_told_with_both_sides_and_the_tolerance() -> None:
    (one,) = comparing.differences(OURS, {**OURS, "price": D("99.5")}, tolerances=TOLERANCES)
    assert one == {"field": "price", "ours": "99.40", "theirs": "99.50", "tolerance": "0.001"}


def test_texts_keep_every_digit_and_no_exponent() -> None:
    told = comparing.texts({**OURS, "qty": D("1E+3"), "price": D("99.1234567891")})
    assert (told["qty"], told["price"], told["net_money"]) == ("1000", "99.1234567891", "1002.20")
