"""What a kill switch is aimed at is what it stops: a name that is not one's own stops nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from controls.models import Halt
from tests import trading
from venues import market_data

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal
PATH = "/v1/kill-switch/"


@pytest.mark.parametrize("name", ["beta", "house", "nobody", "Alpha", "alpha-002"])
def test_another_name_than_ones_own_organization_halts_nothing(api: Any, name: str) -> None:
    order_id = trading.submit()
    asked = {"scope": "organization", "target": name, "confirm": name, "reason": "x"}
    status, refused = api("alpha_trader").post(PATH, asked)
    assert (status, refused["code"]) == (422, "target_not_found")
    assert not Halt.objects.exists()
    assert trading.order(order_id).status == "pending_execution"
    status, refused = api("alpha_trader").get(f"{PATH}preview/?scope=organization&target={name}")
    assert (status, refused["code"]) == (422, "target_not_found")


def test_a_target_that_is_not_there_is_told_before_its_confirmation(api: Any) -> None:
    asked = {"scope": "organization", "target": "beta", "confirm": "organization", "reason": "x"}
    status, refused = api("alpha_trader").post(PATH, asked)
    assert (status, refused["code"]) == (422, "target_not_found")


def test_the_own_organization_may_be_named_and_is_confirmed_by_name(api: Any) -> None:
    asked = {"scope": "organization", "target": "alpha", "reason": "x"}
    status, refused = api("alpha_trader").post(PATH, {**asked, "confirm": "organization"})
    assert (status, refused["code"]) == (422, "not_confirmed")
    assert "all of alpha" in refused["error"]
    status, made = api("alpha_trader").post(PATH, {**asked, "confirm": "alpha"})
    assert (status, made["target"]) == (201, "alpha")


def test_the_whole_firm_has_no_name(api: Any) -> None:
    asked = {"scope": "all", "target": "beta", "confirm": "beta", "reason": "x"}
    status, refused = api("alpha_trader").post(PATH, asked)
    assert (status, refused["code"]) == (422, "target_not_found")


def test_a_preview_keeps_par_and_shares_apart_and_tells_the_money_by_currency(api: Any) -> None:
    bond = trading.routed()
    trading.submit(
        instrument_id="037833100", amount_type="shares", qty=D(100), limit_price=D("231.4")
    )
    free = trading.order(trading.submit(limit_price=None, ord_type="market", qty=D(2000)))
    reference = market_data.reference(free.instrument_id)
    assert reference is not None
    assert reference.mid is not None
    status, found = api("alpha_compliance").get(f"{PATH}preview/?scope=organization")
    assert (status, found["orders"], found["par"], found["shares"]) == (200, 3, 5000, 100)
    worth = 3000 * D("99.5") / 100 + 2000 * reference.mid / 100 + D(23_140)
    ((currency, amount),) = [(one["currency"], one["amount"]) for one in found["notional"]]
    assert (currency, D(str(amount))) == ("USD", worth)
    assert found["unpriced"] == 0
    (at,) = [one for one in found["venues"] if one["venue_id"] == bond.venue_id]
    assert (at["par"], at["shares"]) == (3000, 0)


def test_a_preview_says_how_many_orders_it_cannot_price(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trading.submit(limit_price=None, ord_type="market")
    monkeypatch.setattr(market_data, "reference", lambda instrument_id: None)
    found = api("alpha_compliance").get(f"{PATH}preview/?scope=organization")[1]
    assert (found["orders"], found["unpriced"], found["notional"]) == (1, 1, [])
