"""`/v1/trading/order/{id}/schedule/`: what clients send, get and may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from oms_site.journal.models import Event
from orders import routing
from orders.schedules import sending
from tests import scheduling, trading

pytestmark = pytest.mark.usefixtures("sandbox")
Api = Callable[..., Any]
BODY = {"strategy": "twap", "venue_id": "SIMA", "end_time": "2026-11-23T15:10:00Z", "slices": 10}


def path(order_id: str, tail: str = "") -> str:
    return f"/v1/trading/order/{order_id}/schedule/{tail}"


def test_a_schedule_is_started_read_paused_resumed_and_stopped(api: Api) -> None:
    order_id, desk = scheduling.staged(), api("beta_trader")
    body = {**BODY, "amount": {"par": 5000}, "slices": 5, "client_schedule_id": "mine"}
    status, made = desk.post(path(order_id), body)
    assert status == 201, made
    assert (made["status"], made["strategy"], made["amount"]["par"]) == ("working", "twap", 5000)
    assert [one["amount"]["value"] for one in made["slices"]] == [1000] * 5
    assert made["next_time"] == "2026-11-23T15:00:00Z"
    assert desk.post(path(order_id), body)[0] == 200
    assert desk.post(path(order_id), {**body, "slices": 4})[1]["code"] == "idempotency_conflict"
    sending.drain()
    scheduling.fill(order_id)
    (now,) = desk.get(path(order_id))[1]["schedules"]
    assert (now["filled_amount"]["value"], now["slices"][0]["status"]) == (1000, "filled")
    assert now["slices"][0]["execution_order_id"].startswith("eo_")
    assert desk.post(path(order_id, "pause/"), {"cancel_resting": True})[1]["status"] == "paused"
    assert desk.post(path(order_id, "resume/"))[1]["status"] == "working"
    assert desk.post(path(order_id, "cancel/"))[1]["status"] == "canceled"
    status, refused = desk.post(path(order_id, "pause/"))
    assert (status, refused["code"]) == (409, "no_open_schedule")


def test_the_stream_tells_the_whole_plan_and_every_slice(api: Api) -> None:
    order_id = scheduling.staged()
    api("beta_trader").post(path(order_id), BODY)
    sending.drain()
    told = Event.objects.filter(order_id=order_id, event_type__startswith="schedule").order_by("pk")
    start, slice_ = (json.loads(event.body)["event"] for event in told)
    assert len(start["slices"]) == 10
    assert start["schedule"]["seed"] is None
    assert (slice_["event_type"], slice_["slice"]) == ("schedule_slice_send", 1)
    assert slice_["sent_amount"]["value"] == 1000


def test_an_order_is_created_with_its_schedule(api: Api) -> None:
    instruction = {
        "protocol": "limit_order_book",
        "strategy": "implementation_shortfall",
        "quantity": {"par": 10_000},
        "parameters": {"end_time": "2026-11-23T16:00:00Z", "slices": 4, "urgency": 3},
    }
    status, order = api("beta_trader").submit(
        account_id="beta-002", amount={"par": 10_000}, execution_instructions=[instruction]
    )
    assert status == 201, order
    assert order["execution_instructions"][0]["parameters"]["slices"] == 4
    assert order["execution_instructions"][0]["parameters"]["urgency"] == 3
    routing.drain()
    (made,) = api("beta_trader").get(path(order["id"]))[1]["schedules"]
    sizes = [one["amount"]["value"] for one in made["slices"]]
    assert sum(sizes) == 10_000
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"strategy": "pov"}, "strategy", "invalid_choice"),
        ({"slices": 0}, "slices", "out_of_range"),
        ({"slices": 1.5}, "slices", "invalid_number"),
        ({"randomize": 51}, "randomize", "too_large"),
        ({"seed": 3}, "seed", "seed_forbidden"),
        ({"urgency": 3}, "urgency", "urgency_forbidden"),
        ({"max_participation": 101}, "max_participation", "too_large"),
        ({"end_time": "2026-11-23T15:10:00"}, "end_time", "invalid_time"),
        ({"start_time": "2026-11-23T15:10:00Z"}, "end_time", "end_before_start"),
        ({"remainder": "lose"}, "remainder", "invalid_choice"),
        ({"pace": 1}, "pace", "unknown_field"),
        ({"amount": {"shares": 1000}}, "amount", "amount_type_differs"),
    ],
)
def test_a_fault_is_told_with_its_field(
    api: Api, changes: dict[str, Any], field: str, code: str
) -> None:
    order_id = scheduling.staged()
    status, told = api("beta_trader").post(path(order_id), {**BODY, **changes})
    assert status == 422
    assert (field, code) in [(one["field"], one["code"]) for one in told["error_details"]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"parameters": {"slices": 3}, "strategy": "manual"}, "parameters_forbidden"),
        ({"client_execution_order_id": "x"}, "not_of_schedules"),
        ({"parameters": {"pace": 3}}, "unknown_field"),
    ],
)
def test_an_instruction_takes_the_parameters_of_a_schedule_and_no_others(
    api: Api, changes: dict[str, Any], code: str
) -> None:
    one = {"protocol": "limit_order_book", "strategy": "twap", "quantity": {"par": 3000}}
    status, told = api("beta_trader").submit(
        account_id="beta-002", execution_instructions=[{**one, **changes}]
    )
    assert status == 422
    assert code in [fault["code"] for fault in told["error_details"]]


def test_the_guides_policy_takes_no_schedule_with_an_order(api: Api) -> None:
    one = {"protocol": "limit_order_book", "strategy": "vwap", "quantity": {"par": 3000}}
    status, told = api("alpha_trader").submit(execution_instructions=[one])
    assert (status, told["code"]) == (422, "schedule_not_allowed")


def test_another_firm_sees_and_touches_nothing(api: Api) -> None:
    order_id = scheduling.staged()
    scheduling.started(order_id)
    for method, tail in [("GET", ""), ("POST", ""), ("POST", "pause/"), ("POST", "cancel/")]:
        status, _ = api("alpha_trader")(method, path(order_id, tail), BODY if not tail else None)
        assert status == 404
    assert scheduling.now(order_id).status == "working"


def test_a_slice_is_screened_with_its_strategy_so_that_a_strategy_can_be_halted(api: Api) -> None:
    order_id = scheduling.staged()
    scheduling.started(order_id)
    sending.drain()
    scheduling.fill(order_id)
    status, halt = api("beta_trader").post(
        "/v1/kill-switch/",
        {
            "scope": "strategy",
            "target": "limit_order_book/twap",
            "reason": "it runs wild",
            "cancel_orders": False,
            "confirm": "limit_order_book/twap",
        },
    )
    assert status in (200, 201, 202), halt
    scheduling.run(1)
    assert scheduling.now(order_id).reason == "trading_halted"
    assert trading.order(order_id).cum_qty == Decimal(1000)
