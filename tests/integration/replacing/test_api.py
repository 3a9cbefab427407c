"""The amend endpoint: POST and PATCH, idempotent, every attempt on the order's own page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests import policies, trading
from tests.client import Api
from tests.integration.replacing import story


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _url(order_id: str) -> str:
    return f"/v1/trading/order/{order_id}/amend/"


def test_an_amendment_is_accepted_and_pends_until_the_venue_answers(
    api: Callable[[str], Api],
) -> None:
    order_id, _ = story.working(10_000)
    status, answer = api("alpha_trader").post(
        _url(order_id), {"amount": {"par": 12_000}, "limit_price": 99.6, "client_amend_id": "A1"}
    )
    assert status == 202, answer
    assert (answer["outcome"], answer["revision"]) == ("pending", 2)
    trading.receive(story.replaced(order_id))
    _, order = api("alpha_trader").get(f"/v1/trading/order/{order_id}/")
    assert (order["revision"], order["amount"]["value"], order["limit_price"]) == (2, 12_000, 99.6)
    first, second = order["revisions"]
    assert (first["revision"], first["replaced_by"], first["amount"]["value"]) == (1, 2, 10_000)
    assert (second["revision"], second["replaces"], second["replaced_by"]) == (2, 1, None)
    (attempt,) = order["amendments"]
    assert (attempt["status"], attempt["client_amend_id"]) == ("replaced", "A1")


def test_the_same_id_with_the_same_content_answers_the_same_again(
    api: Callable[[str], Api],
) -> None:
    order_id, _ = story.working(10_000)
    body: dict[str, Any] = {"limit_price": 99.6, "client_amend_id": "A1"}
    first = api("alpha_trader").post(_url(order_id), body)
    again = api("alpha_trader")("PATCH", f"/v1/trading/order/{order_id}/", body)
    assert again == first
    assert again[0] == 202
    assert len(story.sent("G")) == 1
    status, other = api("alpha_trader").post(_url(order_id), {**body, "limit_price": 99.7})
    assert (status, other["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 409, "nothing_changes"),
        ({"amount": {"par": 10_000}}, 409, "nothing_changes"),
        ({"amount": {"par": 10_001}}, 422, "off_increment"),
        ({"amount": {"shares": 9000}}, 422, "amount_type_unsupported"),
        ({"stop_price": 99}, 422, "stop_price_forbidden"),
        ({"limit_price": 99.6, "revision": 2}, 409, "stale_revision"),
        ({"limit_price": 99.6, "revision": "1"}, 422, "invalid_number"),
        ({"side": "sell"}, 422, "unknown_field"),
        ({"allocations": {"account_allocations": []}, "limit_price": 99.6}, 202, None),
    ],
)
def test_what_it_may_not_become_is_refused_with_its_code(
    api: Callable[[str], Api], body: dict[str, Any], status: int, code: str | None
) -> None:
    order_id, _ = story.working(10_000)
    answered, answer = api("alpha_trader").post(_url(order_id), body)
    assert answered == status, answer
    if code is not None:
        codes = {answer["code"], *(d["code"] for d in answer["error_details"])}
        assert code in codes
        assert story.sent("G") == []


def test_below_what_is_filled_is_refused_and_kept_as_an_attempt(api: Callable[[str], Api]) -> None:
    order_id, child = story.working(10_000)
    trading.receive(trading.fill(child, 4000, cum=4000))
    status, answer = api("alpha_trader").post(_url(order_id), {"amount": {"par": 4000}})
    assert (status, answer["code"]) == (409, "amount_below_filled")
    _, order = api("alpha_trader").get(f"/v1/trading/order/{order_id}/")
    assert [a["code"] for a in order["amendments"]] == ["amount_below_filled"]
    assert order["revision"] == 1


def test_an_order_of_another_organization_is_not_found(api: Callable[[str], Api]) -> None:
    order_id, _ = story.working(10_000)
    status, _ = api("beta_trader").post(_url(order_id), {"limit_price": 99.6})
    assert status == 404
    assert story.told(order_id)[-1] != "replace_request"


def test_who_may_not_enter_orders_may_not_amend_them(api: Callable[[str], Api]) -> None:
    order_id, _ = story.working(10_000)
    status, _ = api("alpha_compliance").post(_url(order_id), {"limit_price": 99.6})
    assert status == 403


def test_a_client_asks_which_states_can_be_amended(
    api: Callable[[str], Api], sandbox: datetime
) -> None:
    def states() -> dict[str, bool]:
        _, page = api("alpha_trader").get("/v1/metadata/request-status/")
        return {one["code"]: one["can_amend"] for one in page["statuses"]}

    assert states()["partially_filled"]
    assert not states()["filled"]
    policies.agreed(preset="guide", at=sandbox)
    assert not any(states().values())
