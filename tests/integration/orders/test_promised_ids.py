"""A client_execution_order_id inside an order's instructions names one execution order for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders import desk, routing
from orders.models import ExecutionOrder, Order
from tests import policies, trading
from tests.client import Api
from tests.trading import D

Apis = Callable[[str], Api]
pytestmark = pytest.mark.usefixtures("sandbox")
FIELD = "execution_instructions[0].client_execution_order_id"


def part(name: str | None, qty: int = 1000) -> dict[str, Any]:
    return {
        "protocol": "limit_order_book",
        "strategy": "smart_order_routing",
        "quantity": {"par": qty},
        "client_execution_order_id": name,
    }


def refused(answer: tuple[int, Any], *, status: int, field: str = FIELD) -> bool:
    got, error = answer
    told = {(d["field"], d["code"]) for d in error.get("error_details", ())}
    return got == status and told == {(field, "idempotency_conflict")}


def test_an_id_that_an_execution_order_has_is_refused_and_nothing_is_made(api: Apis) -> None:
    trader = api("alpha_trader")
    assert trader.submit(execution_instructions=[part("e-1")])[0] == 201
    routing.drain()
    assert ExecutionOrder.objects.get().client_execution_order_id == "e-1"
    assert refused(trader.submit(execution_instructions=[part("e-1")]), status=409)
    assert Order.objects.count() == 1


def test_an_id_that_the_endpoint_has_used_is_refused(api: Apis) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    trading.execute(order_id, 1000, client_execution_order_id="e-2")
    assert refused(api("alpha_trader").submit(execution_instructions=[part("e-2")]), status=409)


def test_an_id_that_an_order_still_waits_to_use_is_refused(api: Apis) -> None:
    trader = api("alpha_trader")
    assert trader.submit(execution_instructions=[part("e-3")])[0] == 201
    assert not ExecutionOrder.objects.exists()
    assert refused(trader.submit(execution_instructions=[part("e-3")]), status=409)


def test_an_id_twice_in_one_order_is_refused(api: Apis) -> None:
    twice = [part("e-4"), part("e-4", 2000)]
    answer = api("alpha_trader").submit(execution_instructions=twice)
    assert refused(answer, status=422, field=FIELD.replace("[0]", "[1]"))
    assert not Order.objects.exists()


def test_of_two_orders_in_one_batch_only_the_first_gets_the_id() -> None:
    asked = [trading.instruction(1000, client_execution_order_id="e-5")]
    first, second = desk.submit(
        [trading.request(instructions=tuple(asked)), trading.request(instructions=tuple(asked))]
    )
    assert first.error is None
    assert second.error is not None
    assert (second.error.code, second.error.status) == ("idempotency_conflict", 409)
    assert Order.objects.count() == 1


def test_an_order_that_is_refused_takes_no_id() -> None:
    asked = (trading.instruction(1000, client_execution_order_id="e-6"),)
    first, second = desk.submit(
        [
            trading.request(instructions=asked, account_id="nobody"),
            trading.request(instructions=asked),
        ]
    )
    assert first.error is not None
    assert second.error is None


def test_a_replay_of_an_order_is_no_second_use(api: Apis) -> None:
    trader = api("alpha_trader")
    terms: dict[str, Any] = {"client_order_id": "c", "execution_instructions": [part("e-7")]}
    assert [trader.submit(**terms)[0] for _ in range(2)] == [201, 200]
    routing.drain()
    assert trader.submit(**terms)[0] == 200


def test_a_preview_and_a_list_say_so_too(api: Apis, sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    trader = api("alpha_trader")
    assert trader.submit(execution_instructions=[part("e-8")])[0] == 201
    order = {
        "account_id": "alpha-002",
        "instrument_id": trading.BOND,
        "amount": {"par": 3000},
        "type": "limit",
        "side": "buy",
        "limit_price": 99.5,
        "execution_instructions": [part("e-8")],
    }
    assert refused(trader.post("/v1/trading/order/?dry_run=true", order), status=409)
    fresh = {**order, "execution_instructions": [part("e-9")]}
    body = {"contingency_type": "basket", "orders": [fresh, order]}
    answer = trader.post("/v1/trading/order-list/", body)
    assert refused(answer, status=409, field=f"orders[1].{FIELD}")
    assert Order.objects.count() == 1


def test_another_firm_may_use_the_same_id(api: Apis) -> None:
    assert api("alpha_trader").submit(execution_instructions=[part("e-10")])[0] == 201
    beta = api("beta_trader").submit(account_id="beta-001", execution_instructions=[part("e-10")])
    assert beta[0] == 201


def test_a_batch_asks_once_and_only_where_ids_are_given() -> None:
    def seen(*names: str | None) -> int:
        requests = [
            trading.request(
                qty=D(1000 * (n + 2)),
                instructions=(trading.instruction(1000, client_execution_order_id=name),),
            )
            for n, name in enumerate(names)
        ]
        with CaptureQueriesContext(connection) as asked:
            assert all(one.error is None for one in desk.submit(requests))
        return sum("jsonb_array_elements" in one["sql"] for one in asked.captured_queries)

    assert seen(None, None) == 0
    assert seen("a", "b", None, "c") == 1
