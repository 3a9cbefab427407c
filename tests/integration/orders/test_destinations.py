"""An order goes to the venue that was named, or nowhere: no name is ever read as no venue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oms_site.firm import generation
from oms_site.kit import clock
from orders import desk, routing
from orders.models import ExecutionOrder, Order, Ruleset, VenueOrder
from tests import trading
from tests.client import Api

Apis = Callable[[str], Api]
pytestmark = pytest.mark.usefixtures("sandbox")
BOOK = {"protocol": "limit_order_book", "quantity": {"par": 1000}}


def manual(order_id: str, **changes: Any) -> str:
    return f"/v1/trading/order/{order_id}/execution-order/lob/manual/"


@pytest.mark.parametrize(
    ("venue", "code"),
    [
        ("NOPE", "venue_not_found"),
        ("sima", "venue_not_found"),
        (" SIMA ", "venue_not_found"),
        ("", "required"),
        (None, "required"),
    ],
)
def test_a_manual_execution_order_names_a_venue_that_there_is(
    api: Apis, venue: str | None, code: str
) -> None:
    trader = api("alpha_trader")
    _, order = trader.submit(bypass_auto_execution=True)
    body = {"amount": {"par": 1000}, "venue_id": venue}
    status, error = trader.post(manual(order["id"]), body)
    assert status == 422
    assert [(d["field"], d["code"]) for d in error["error_details"]] == [("venue_id", code)]
    assert not ExecutionOrder.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"strategy": "manual", "venue_id": "NOPE"}, "venue_not_found"),
        ({"strategy": "manual", "venue_id": "simb"}, "venue_not_found"),
        ({"strategy": "manual"}, "required"),
        ({"strategy": "smart_order_routing", "venue_id": "NOPE"}, "venue_not_found"),
        ({"strategy": "broker_wheel", "venue_id": "NOPE"}, "venue_not_found"),
        ({"protocol": "external", "strategy": "external", "venue_id": "NOPE"}, "venue_not_found"),
        (
            {"strategy": "manual", "venue_id": "NOPE", "venue_parameters": {"x": "1"}},
            "venue_not_found",
        ),
    ],
)
def test_an_order_whose_instructions_name_no_venue_is_not_made(
    api: Apis, changes: dict[str, Any], code: str
) -> None:
    trader = api("alpha_trader")
    status, error = trader.submit(execution_instructions=[{**BOOK, **changes}])
    assert status == 422
    found = [(d["field"], d["code"]) for d in error["error_details"]]
    assert found == [("execution_instructions[0].venue_id", code)]
    assert not Order.objects.exists()


def test_what_names_its_venue_goes_there(api: Apis) -> None:
    trader = api("alpha_trader")
    named = {**BOOK, "strategy": "manual", "venue_id": "SIMB"}
    assert trader.submit(execution_instructions=[named])[0] == 201
    routing.drain()
    assert VenueOrder.objects.get().venue_id == "SIMB"


def test_what_names_no_venue_is_routed_by_price(api: Apis) -> None:
    trader = api("alpha_trader")
    smart = {**BOOK, "strategy": "smart_order_routing"}
    assert trader.submit(execution_instructions=[smart])[0] == 201
    routing.drain()
    assert VenueOrder.objects.exists()


@pytest.mark.parametrize("then", [{"venue_id": "GONE"}, {}])
def test_a_rule_that_names_no_venue_sends_nothing_elsewhere(then: dict[str, str]) -> None:
    way = {"protocol": "limit_order_book", "strategy": "manual", **then}
    Ruleset.objects.filter(organization_id="alpha", active=True).update(
        rules=[{"id": "gone", "when": {}, "then": way}]
    )
    generation.check()
    trading.submit()
    routing.drain()
    assert not ExecutionOrder.objects.exists()


def test_the_desk_itself_takes_no_unknown_venue() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    asked = trading.instruction(1000, venue_id="NOPE")
    made = desk.execute(order_id, asked, by=trading.person(), at=clock.now())
    assert made.error is not None
    assert (made.error.code, made.error.status) == ("venue_not_found", 422)
