"""A buy is paid for with its interest and its fees: no filled order takes an account below zero."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from allocations.models import CashBalance
from oms_site.kit import clock
from orders import costs, desk, rescreen
from orders.models import Order
from tests import trading
from tests.client import Api
from tests.integration.orders.limits import in_force
from tests.integration.orders.test_whose_fees import fee
from tests.integration.orders.test_whose_fees import group as group  # a fixture
from tests.trading import D

pytestmark = pytest.mark.usefixtures("sandbox")
ACCOUNT = "alpha-003"
REFUSED, PASSED = "insufficient_buying_power", "pending_execution"


@pytest.fixture(autouse=True)
def cash_is_looked_at(sandbox: datetime) -> None:
    in_force("cash.buying_power")


@pytest.fixture
def preview(api: Any) -> Any:
    """What a buy of 3,000 at 99.5 would cost."""

    def told(**changes: Any) -> dict[str, Any]:
        client: Api = api("alpha_trader")
        body = {
            "account_id": ACCOUNT,
            "instrument_id": trading.BOND,
            "amount": {"par": 3000},
            "type": "limit",
            "side": "buy",
            "limit_price": 99.5,
            **changes,
        }
        status, said = client.post("/v1/trading/order/?dry_run=true", body)
        assert status == 200, said
        return dict(said)

    return told


@pytest.fixture
def accrued(preview: Any) -> D:
    """The interest of 3,000 of the bond to settlement, by what a preview says."""
    found = D(str(preview()["cash_needed"]["accrued_interest"]))
    assert found > 10
    return found


def held() -> D:
    row = CashBalance.objects.filter(account_id=ACCOUNT, currency="USD").first()
    return D(0) if row is None else row.amount


def paid(api: Any, amount: D | str) -> None:
    """All the cash there is from now on: never less than before."""
    more = D(amount) - held()
    deposit = {"kind": "deposit", "account_id": ACCOUNT, "amount": float(more)}
    assert api("alpha_ops").post("/v1/transaction/", deposit)[0] == 201
    assert held() == D(amount)


def said(**changes: Any) -> str:
    order: Order = trading.order(trading.submit(**{"account_id": ACCOUNT, **changes}))
    return order.reject_code or order.status


def test_interest_to_settlement_is_counted_to_the_cent(api: Any, accrued: D) -> None:
    paid(api, D(2985) + accrued - D("0.01"))
    assert said() == REFUSED
    paid(api, D(2985) + accrued)
    assert said() == PASSED


def test_fees_are_counted_and_a_markup_is_within_the_limit(api: Any, accrued: D) -> None:
    fees = (fee("5"), fee("0.25", fee_type="markup"))  # 150.00, and 7.50 within the limit
    paid(api, D(2985) + accrued + D("149.99"))
    assert said(fees=fees) == REFUSED
    paid(api, D(2985) + accrued + D("150.00"))
    assert said(fees=fees) == PASSED


def test_a_capped_fee_is_counted_to_its_cap(api: Any, accrued: D) -> None:
    paid(api, D(2985) + accrued + D("20"))
    assert said(fees=(fee("5", max_fee_amount="20.01"),)) == REFUSED
    assert said(fees=(fee("5", max_fee_amount="20.00"),)) == PASSED


def test_a_market_order_pays_its_markup_on_top(api: Any, preview: Any) -> None:
    marked = [fee("5", fee_type="markup")]
    plain = preview(type="market", limit_price=None)["cash_needed"]
    told = preview(type="market", limit_price=None, fees=marked)["cash_needed"]
    assert (plain["fees"], told["fees"]) == (0, 150)
    paid(api, D(str(told["total"])) - D("0.01"))
    terms: dict[str, Any] = {"ord_type": "market", "limit_price": None, "fees": tuple(marked)}
    assert said(**terms) == REFUSED
    paid(api, D(str(told["total"])) + D("0.01"))
    assert said(**terms) == PASSED


@pytest.mark.parametrize("how", ["order", "instruction", "risk group"])
def test_what_open_buys_will_cost_is_kept_for_them(
    api: Any, accrued: D, how: str, request: pytest.FixtureRequest
) -> None:
    # Its own: 5 % of 3,000 is 150; the group's 0.10 % of par is 3 (its markup is in the limit).
    terms: dict[str, Any] = {}
    charged, account = D(150), ACCOUNT
    if how == "order":
        terms = {"fees": (fee("5"),)}
    elif how == "instruction":
        terms = {"instructions": (trading.instruction(3000, fees=(fee("5"),)),)}
    else:
        terms, charged = {"risk_group_id": request.getfixturevalue("group")}, D(3)
    # What two cost, less a cent.
    paid(api, 2 * (D(2985) + accrued + charged) - D("0.01"))
    assert said(account_id=account, **terms) == PASSED
    assert said(account_id=account, **terms) == REFUSED
    # In one batch the second sees the first, which no table shows yet.
    requests = [trading.request(account_id=account, qty=D(1000), **terms) for _ in range(2)]
    if how != "instruction":
        desk.submit(requests)
        assert Order.objects.filter(status="rejected").count() == 1


def test_a_filled_buy_leaves_no_account_below_zero(api: Any, accrued: D) -> None:
    fees = (fee("5"), fee("0.25", fee_type="markup"))
    paid(api, D(2985) + accrued + D(150))
    child = trading.routed(account_id=ACCOUNT, fees=fees)
    trading.receive(trading.fill(child, 3000, cum=3000, last_px=child.limit_price))
    assert held() == 0


def test_a_sell_needs_no_cash(api: Any) -> None:
    paid(api, "1")
    assert said(side="sell", fees=(fee("5"),)) != REFUSED


def test_a_preview_names_what_is_needed(preview: Any, accrued: D) -> None:
    told = preview(fees=[fee("1")])["cash_needed"]
    assert told == {
        "principal": 2985,
        "accrued_interest": float(accrued),
        "fees": 30,
        "total": float(D(3015) + accrued),
    }
    assert preview(side="sell")["cash_needed"] is None


def test_a_later_day_accrues_more(api: Any, accrued: D) -> None:
    paid(api, "10000")
    order = trading.order(trading.submit(account_id=ACCOUNT))
    ticket = rescreen.ticket_of(order, at=clock.now() + timedelta(days=7))
    assert costs.of_ticket(ticket, D(3000)).accrued_interest > accrued
