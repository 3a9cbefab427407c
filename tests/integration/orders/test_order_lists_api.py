"""`/v1/trading/order-list/`: made, read, asked to stop, and refused field by field."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from orders.models import Order, OrderList
from tests import policies, trading
from tests.client import Api
from tests.integration.orders import lists

PATH = "/v1/trading/order-list/"


@pytest.fixture(autouse=True)
def everything_is_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _order(**changes: Any) -> dict[str, Any]:
    return {
        "instrument_id": trading.BOND,
        "side": "buy",
        "type": "limit",
        "limit_price": 99.5,
        "amount": {"par": 10_000},
        "account_id": "alpha-002",
        **changes,
    }


def _bracket(**changes: Any) -> dict[str, Any]:
    stop = _order(side="sell", type="stop", stop_price=98)
    del stop["limit_price"]
    return {
        "contingency_type": "bracket",
        "client_order_list_id": "mine",
        "orders": [_order(), _order(side="sell", limit_price=101), stop],
        **changes,
    }


def test_a_bracket_is_made_read_and_canceled(api: Any) -> None:
    client: Api = api("alpha_trader")
    status, made = client.post(PATH, _bracket())
    assert status == 201
    assert [one["role"] for one in made["orders"]] == ["parent", "take_profit", "stop_loss"]
    assert (made["fix_contingency_type"], made["status"]) == ("2", "open")
    assert made["orders"][1]["order"]["released_amount"]["value"] == 0
    assert made["orders"][1]["held"] is True
    lists.settle()
    status, again = client.post(PATH, _bracket())
    assert (status, again["id"]) == (200, made["id"])
    _, found = client.get(f"{PATH}{made['id']}/")
    assert found["orders"][0]["order"]["released_amount"]["value"] == 10_000
    _, listed = client.get(PATH)
    assert [one["id"] for one in listed["order_lists"]] == [made["id"]]
    status, stopped = client.delete(f"{PATH}{made['id']}/")
    assert status == 202
    assert {one["outcome"] for one in stopped["results"]} == {"pending", "canceled"}
    assert OrderList.objects.get().cancel_requested_at is not None


def test_what_is_alphas_is_not_there_for_beta(api: Any) -> None:
    _, made = api("alpha_trader").post(PATH, _bracket())
    beta: Api = api("beta_trader")
    assert beta.get(f"{PATH}{made['id']}/")[0] == 404
    assert beta.delete(f"{PATH}{made['id']}/")[0] == 404
    assert beta.get(PATH) == (200, {"order_lists": []})


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (_bracket(orders=[_order()]), "orders", "order_list_size"),
        (_bracket(contingency_type="ouo"), "contingency_type", "invalid_choice"),
        (_bracket(more=1), "more", "unknown_field"),
        (
            {"contingency_type": "basket", "orders": [_order(), _order(side="hold")]},
            "orders[1].side",
            "invalid_choice",
        ),
        (
            {"contingency_type": "basket", "orders": [_order(), _order(account_id="nobody")]},
            "orders[1].account_id",
            "account_not_found",
        ),
        (
            {"contingency_type": "basket", "orders": [_order(client_order_id="x")] * 2},
            "orders[1].client_order_id",
            "idempotency_conflict",
        ),
    ],
)
def test_a_fault_names_its_order_and_makes_nothing(
    api: Any, body: dict[str, Any], field: str, code: str
) -> None:
    status, answer = api("alpha_trader").post(PATH, body)
    assert status in (409, 422)
    details = answer["error_details"]
    assert (field, code) in {(one["field"], one["code"]) for one in details}
    assert not Order.objects.exists()


def test_an_order_that_asks_nothing_more_shows_nothing_more(api: Any) -> None:
    client: Api = api("alpha_trader")
    _, shown = client.post("/v1/trading/order/", _order())
    more = {"trail_amount", "display_qty", "post_only", "order_list_id", "released_amount"}
    assert not more & set(shown)
    trailing = _order(side="sell", type="trailing_stop", trail_percent=2.5)
    del trailing["limit_price"]
    _, shown = client.post("/v1/trading/order/", trailing)
    assert shown["trail_percent"] == 2.5
    assert "trail_amount" not in shown
