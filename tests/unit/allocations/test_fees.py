"""CustomFee objects turned into cents."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from allocations import fees
from oms_site.kit.errors import OmsError
from venues.analytics import Bond

D = Decimal


def fee(**changes: Any) -> dict[str, Any]:
    return {
        "fee_schedule_id": "fs_1",
        "fee_schedule_asset_level_id": "fsal_1",
        "recipient_id": "firm",
        "fee_type": "commission",
        "fee_amount_type": "percentage_of_par",
        "fee_amount": "0.25",
        **changes,
    }


def charge(*given: dict[str, Any], so_far: tuple[Decimal, ...] = ()) -> fees.Charge:
    return fees.charge(fees.parse(given), qty=D(10_000), principal=D("9123.46"), so_far=so_far)


def test_a_percentage_of_par_is_of_the_quantity() -> None:
    assert charge(fee()).total == D("25.00")


def test_a_percentage_of_market_value_is_of_the_principal_half_up_to_the_cent() -> None:
    given = fee(fee_amount_type="percentage_of_market_value", fee_amount=D("0.5"))
    assert charge(given).total == D("45.62")


def test_a_cap_holds_for_the_order_and_not_for_each_fill() -> None:
    given = fee(max_fee_amount="40")
    assert charge(given).total == D("25.00")
    assert charge(given, so_far=(D("25.00"),)).total == D("15.00")
    assert charge(given, so_far=(D("40.00"),)).total == D("0.00")


def test_commission_and_markup_are_told_apart() -> None:
    both = charge(fee(), fee(fee_type="markup", fee_amount="0.1"))
    assert (both.commission, both.markup, both.total) == (D("25.00"), D("10.00"), D("35.00"))
    assert both.each == (D("25.00"), D("10.00"))


def test_no_fees_cost_nothing() -> None:
    assert charge().total == D("0.00")


def test_fees_of_an_order_replace_those_of_the_risk_group() -> None:
    mine, theirs = [fee(fee_amount="0")], [fee()]
    assert fees.effective(mine, theirs) == mine
    assert fees.effective([], theirs) == theirs


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("fee_amount_type", "percent", "not_a_choice"),
        ("fee_type", None, "not_a_choice"),
        ("fee_amount", "-1", "not_an_amount"),
        ("fee_amount", "1e3", "not_an_amount"),
        ("fee_amount", True, "not_an_amount"),
        ("fee_amount", 0.25, "not_an_amount"),
        ("max_fee_amount", "1.005", "not_in_cents"),
        ("recipient_id", "", "required"),
        ("surprise", 1, "unknown_field"),
    ],
)
def test_a_fee_that_cannot_be_charged_is_refused_by_field(
    field: str, value: object, code: str
) -> None:
    with pytest.raises(OmsError) as refused:
        fees.parse([fee(), fee(**{field: value})])
    assert [(d.field, d.code) for d in refused.value.details] == [(f"fees[1].{field}", code)]


BOND = Bond(
    issue_date=date(2020, 3, 1),
    maturity_date=date(2030, 3, 1),
    coupon_percent=D(5),
    frequency=2,
    day_count="30/360",
)


def in_yield(bps: str, *, side: str = "buy", bond: Bond | None = BOND) -> Decimal:
    traded = fees.Traded(bond=bond, price=D(100), settlement_date=date(2026, 3, 2), side=side)
    one = fee(fee_amount_type="yield_bps", fee_amount=bps, fee_type="markup")
    return fees.charge(
        fees.parse([one]), qty=D(1_000_000), principal=D(1_000_000), traded=traded
    ).markup


def test_a_fee_in_yield_is_the_price_of_so_many_basis_points() -> None:
    # Four years at 5 %: a basis point is worth about 0.0358 points of price.
    assert D(3560) < in_yield("10") < D(3600)
    assert in_yield("0") == D("0.00")


def test_a_buyer_s_yield_falls_and_a_seller_s_rises() -> None:
    assert in_yield("10") > in_yield("10", side="sell") > D(3560)


def test_what_has_no_yield_cannot_be_charged_in_yield() -> None:
    with pytest.raises(OmsError, match="yield") as refusal:
        in_yield("10", bond=None)
    assert refusal.value.code == "fee_needs_yield"
