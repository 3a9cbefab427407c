"""Blocks in lists: none where orders depend on each other; in a basket each line shrinks alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from allocations.models import AccountAllocation, DroppedAccount
from oms_site.firm import generation
from orders.models import Order
from tests import policies, trading
from tests.client import Api
from tests.integration.orders import lists
from tests.integration.orders.limits import in_force

Apis = Callable[[str], Api]
PATH = "/v1/trading/order-list/"
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def blocks_go_on_without_an_account(sandbox: datetime) -> None:
    rules = {"block_account_reject": "drop"}
    policies.agreed(preset="full", rules=rules, at=sandbox - timedelta(days=1))
    generation.check()


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


def _stop() -> dict[str, Any]:
    made = _order(side="sell", type="stop", stop_price=98)
    del made["limit_price"]
    return made


def _block(order: dict[str, Any], *parts: tuple[str, int]) -> dict[str, Any]:
    """The same order for several accounts."""
    shares = [{"account_id": who, "requested_amount": {"par": qty}} for who, qty in parts]
    asked = {"strategy": "pro_rata_with_averaging", "account_allocations": shares}
    amount = {"par": sum(qty for _, qty in parts)}
    return {**order, "account_id": None, "amount": amount, "allocations": asked}


DEPENDENT = {
    "oco": [_order(side="sell", limit_price=101), _stop()],
    "oto": [_order(), _order(side="sell", limit_price=101)],
    "bracket": [_order(), _order(side="sell", limit_price=101), _stop()],
}


@pytest.mark.parametrize(
    ("contingency", "position"),
    [(kind, n) for kind, orders in DEPENDENT.items() for n in range(len(orders))],
)
def test_no_order_that_others_depend_on_is_a_block(
    api: Apis, contingency: str, position: int
) -> None:
    orders = [dict(one) for one in DEPENDENT[contingency]]
    orders[position] = _block(orders[position], ("alpha-002", 7_000), ("alpha-suspended", 3_000))
    status, answer = api("alpha_trader").post(
        PATH, {"contingency_type": contingency, "orders": orders}
    )
    assert status == 422
    said = {(one["field"], one["code"]) for one in answer["error_details"]}
    assert (f"orders[{position}].account_id", "contingent_needs_account") in said
    assert not Order.objects.exists()


@pytest.mark.parametrize("contingency", sorted(DEPENDENT))
def test_a_list_of_blocks_alone_is_refused_too(api: Apis, contingency: str) -> None:
    parts = (("alpha-002", 7_000), ("alpha-suspended", 3_000))
    orders = [_block(one, *parts) for one in DEPENDENT[contingency]]
    status, _ = api("alpha_trader").post(PATH, {"contingency_type": contingency, "orders": orders})
    assert status == 422
    assert not Order.objects.exists()


def test_a_line_of_a_basket_goes_on_without_its_account_and_the_others_do_not_change(
    api: Apis,
) -> None:
    in_force("credit.limit", max_credit="9000")
    parts = (("alpha-003", 4_000), ("alpha-suspended", 2_000), ("alpha-004", 1_000))
    orders = [_order(amount={"par": 5_000}), _block(_order(), *parts)]
    body = {"contingency_type": "basket", "client_order_list_id": "mine", "orders": orders}
    status, made = api("alpha_trader").post(PATH, body)
    assert status == 201
    plain, block = (one["order"] for one in made["orders"])
    assert (plain["status"], plain["amount"]["value"]) == ("pending_execution", 5_000)
    assert (block["status"], block["amount"]["value"]) == ("pending_execution", 5_000)
    kept = AccountAllocation.objects.filter(allocation__order_id=block["id"]).order_by("position")
    assert list(kept.values_list("account_id", flat=True)) == ["alpha-003", "alpha-004"]
    gone = DroppedAccount.objects.get()
    assert (gone.account_id, gone.allocation.order_id) == ("alpha-suspended", block["id"])
    assert api("alpha_trader").post(PATH, body)[:2] == (200, made)
    lists.settle()
    for order_id in (plain["id"], block["id"]):
        trading.check_tree(order_id)
