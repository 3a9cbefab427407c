"""The order API inside the process: what the guide says, and every refusal with its code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from allocations.models import Account
from oms_site.firm import generation
from oms_site.kit import clock

pytestmark = pytest.mark.usefixtures("sandbox")


def test_an_order_is_created_approved_and_read_back(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    status, order = trader.submit()
    assert status == 201
    assert order["id"].startswith("mo_")
    assert len(order["id"]) == 24
    assert order["status"] == "pending_execution"
    assert order["amount"] == {"type": "par", "value": 3000, "par": 3000}
    assert (order["isin"], order["cusip"]) == ("US037833DP29", "037833DP2")
    assert order["created_at"] <= order["approved_at"]
    status, again = trader.get(f"/v1/trading/order/{order['id']}/")
    assert status == 200
    tree = ("execution_orders", "policy", "revisions", "amendments")
    more = dict.fromkeys((*tree, "money", "organization_id", "rejected_accounts"))
    assert {**again, **more} == {**order, **more}
    assert (again["money"], again["rejected_accounts"]) == (None, [])


def test_the_same_client_id_with_the_same_content_is_one_order(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    first = trader.submit(client_order_id="c-1", amount={"par": 3000})
    second = trader.submit(client_order_id="c-1", amount={"type": "par", "value": 3000.0})
    assert (first[0], second[0]) == (201, 200)
    assert first[1]["id"] == second[1]["id"]


def test_the_same_client_id_with_other_content_is_refused(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    _, first = trader.submit(client_order_id="c-2")
    status, error = trader.submit(client_order_id="c-2", amount={"par": 4000})
    assert (status, error["code"]) == (409, "idempotency_conflict")
    assert first["id"] in error["error"]


def test_an_idempotency_key_names_one_request_for_ever(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    first = trader.submit(key="k-1")
    again = trader.submit(key="k-1")
    other = trader.submit(key="k-1", amount={"par": 5000})
    assert (first[0], again[0], other[0]) == (201, 200, 422)
    assert first[1]["id"] == again[1]["id"]
    assert other[1]["code"] == "idempotency_conflict"
    assert api("beta_trader").submit(key="k-1", account_id="beta-001")[0] == 201


def test_another_organization_sees_nothing(api: Callable[..., Any]) -> None:
    _, order = api("alpha_trader").submit()
    beta = api("beta_trader")
    assert beta.get(f"/v1/trading/order/{order['id']}/")[0] == 404
    assert beta.delete(f"/v1/trading/order/{order['id']}/")[0] == 404
    assert beta.get("/v1/trading/order/")[1]["orders"] == []


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"side": None}, "side", "required"),
        ({"side": "hold"}, "side", "invalid_choice"),
        ({"limit_price": None}, "limit_price", "limit_price_required"),
        ({"type": "market"}, "limit_price", "limit_price_forbidden"),
        ({"limit_price": -1}, "limit_price", "not_positive"),
        ({"limit_price": "1_000"}, "limit_price", "invalid_number"),
        ({"amount": None}, "amount", "required"),
        ({"amount": {"par": 3000, "type": "par", "value": 4000}}, "amount", "amount_ambiguous"),
        ({"amount": {"par": 3500}}, "amount", "off_increment"),
        ({"amount": {"par": 500}}, "amount", "below_min_denomination"),
        ({"amount": {"shares": 10}}, "amount", "amount_type_unsupported"),
        ({"instrument_id": "000000000"}, "instrument_id", "instrument_not_found"),
        ({"account_id": "nobody"}, "account_id", "account_not_found"),
        ({"account_id": "beta-001"}, "account_id", "account_not_found"),
        ({"account_id": ""}, "account_id", "account_required"),
        ({"ib_id": "x"}, "ib_id", "ib_not_found"),
        ({"risk_group_id": "x"}, "risk_group_id", "risk_group_not_found"),
        ({"custodian_id": "x"}, "custodian_id", "custodian_not_found"),
        ({"time_in_force": "gtc"}, "time_in_force", "tif_not_allowed"),
        ({"surprise": 1}, "surprise", "unknown_field"),
        ({"extended_hours": "yes"}, "extended_hours", "invalid_type"),
    ],
)
def test_bad_input_is_refused_with_its_field_and_creates_nothing(
    api: Callable[..., Any], changes: dict[str, Any], field: str, code: str
) -> None:
    trader = api("alpha_trader")
    status, error = trader.submit(**changes)
    assert status == 422
    assert error["error_type"] == "invalid_request"
    assert (field, code) in {(d["field"], d["code"]) for d in error["error_details"]}
    assert trader.get("/v1/trading/order/")[1]["orders"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"side": "buy", "side": "sell"}',
        b'{"limit_price": NaN}',
        b'{"limit_price": 1e5}',
        b'{"limit_price": -0}',
        b'{"annotation": "\\ud800"}',
        b'{"annotation": "\\u0000"}',
        b"[" * 40 + b"]" * 40,
        b"\xff\xfe",
        b'{"limit_price": 0123}',
    ],
)
def test_json_that_a_book_of_record_cannot_trust_is_refused(
    api: Callable[..., Any], body: bytes
) -> None:
    status, error = api("alpha_trader").post("/v1/trading/order/", body)
    assert status == 400, error
    assert error["error_type"] == "invalid_request"


def test_a_flagged_order_waits_and_a_second_person_releases_it(api: Callable[..., Any]) -> None:
    trader, compliance = api("alpha_trader"), api("alpha_compliance")
    _, order = trader.submit(limit_price=92)
    assert order["status"] == "pending_approval"
    path = f"/v1/trading/order/{order['id']}"
    assert trader.post(f"{path}/approve/", {"annotation": "mine"})[0] == 403
    assert compliance.post(f"{path}/approve/", {})[0] == 422
    status, answer = compliance.post(
        f"{path}/approve/", {"annotation": "desk head agrees", "client_manual_approve_id": "m-1"}
    )
    assert (status, answer["order"]["status"]) == (202, "pending_execution")
    status, again = compliance.post(
        f"{path}/approve/", {"annotation": "desk head agrees", "client_manual_approve_id": "m-1"}
    )
    assert (status, again["manual_approve_id"]) == (202, answer["manual_approve_id"])
    status, error = compliance.post(f"{path}/reject/", {"annotation": "too late"})
    assert (status, error["code"]) == (409, "order_not_pending_approval")


def test_an_order_far_off_the_market_is_rejected_with_every_failed_control(
    api: Callable[..., Any],
) -> None:
    _, order = api("alpha_trader").submit(limit_price=60, instrument_id="38143C3G4")
    assert order["status"] == "rejected"
    assert order["rejection"]["by"] == "control"


def test_a_staged_order_is_canceled_at_once(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    _, order = trader.submit(bypass_auto_execution=True)
    status, answer = trader.delete(f"/v1/trading/order/{order['id']}/")
    assert (status, answer["outcome"]) == (202, "canceled")
    status, answer = trader.delete(f"/v1/trading/order/{order['id']}/")
    assert (status, answer["outcome"], answer["code"]) == (202, "refused", 0)


def test_an_external_trade_fills_the_order_once(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    _, order = trader.submit(bypass_auto_execution=True)
    path = f"/v1/trading/order/{order['id']}/execution-order"
    status, eo = trader.post(f"{path}/external/", {"amount": {"par": 3000}})
    assert status == 202, eo
    report = {
        "amount": {"par": 3000},
        "price": 99.4,
        "client_external_trade_report_id": "x-1",
    }
    status, answer = trader.post(f"{path}/{eo['id']}/external/trade-report/", report)
    assert status == 202, answer
    status, again = trader.post(f"{path}/{eo['id']}/external/trade-report/", report)
    assert status == 200, again
    assert again["execution"]["execution_id"] == answer["execution"]["execution_id"]
    _, order = trader.get(f"/v1/trading/order/{order['id']}/")
    assert order["status"] == "filled"
    assert order["filled_avg_price"]["pop"] == 99.4
    assert 4 < order["filled_avg_price"]["ytm"] < 5


def test_execution_orders_may_not_take_more_than_is_open(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    _, order = trader.submit(bypass_auto_execution=True)
    path = f"/v1/trading/order/{order['id']}/execution-order"
    assert trader.post(f"{path}/external/", {"amount": {"par": 2000}})[0] == 202
    status, error = trader.post(f"{path}/lob/sor/", {"amount": {"par": 2000}})
    assert (status, error["code"]) == (422, "exceeds_open_quantity")
    status, error = trader.post(f"{path}/lob/sor/", {"amount": {"par": 1000}, "limit_price": 99.6})
    assert (status, error["code"]) == (422, "limit_worse_than_order")


def test_bulk_answers_for_each_item(api: Callable[..., Any]) -> None:
    from tests.client import ORDER

    good, bad = {**ORDER, "client_order_id": "b-1"}, {**ORDER, "side": "up"}
    status, answer = api("alpha_trader").post(
        "/v1/trading/order/bulk/", {"orders": [good, bad, good]}
    )
    assert status == 207
    assert [item["status"] for item in answer["results"]] == [201, 422, 200]
    assert answer["results"][0]["order"]["id"] == answer["results"][2]["order"]["id"]


def test_a_preview_creates_nothing(api: Callable[..., Any]) -> None:
    from tests.client import ORDER

    trader = api("alpha_trader")
    status, answer = trader.post("/v1/trading/order/?dry_run=true", ORDER)
    assert (status, answer["outcome"]) == (200, "passed")
    assert answer["route"]["origin"] == "ruleset"
    assert trader.get("/v1/trading/order/")[1]["orders"] == []


def test_pages_stay_stable_while_orders_arrive(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    made = [trader.submit()[1]["id"] for _ in range(5)]
    _, page = trader.get("/v1/trading/order/?limit=2")
    with clock.frozen_at(clock.now() + timedelta(seconds=1)):
        trader.submit()
    seen = [row["id"] for row in page["orders"]]
    while page["has_more"]:
        _, page = trader.get(f"/v1/trading/order/?limit=2&cursor={page['next_cursor']}")
        seen += [row["id"] for row in page["orders"]]
    assert sorted(seen) == sorted(made)


def test_accounts_tell_their_kind_and_are_found_by_it(api: Callable[..., Any]) -> None:
    Account.objects.filter(id="alpha-002").update(
        account_type="trust", categories=["income", "west"], currencies=["EUR"]
    )
    generation.check()
    told = {one["id"]: one for one in api("alpha_trader").get("/v1/account/")[1]["accounts"]}
    mine = told["alpha-002"]
    assert (mine["account_type"], mine["categories"]) == ("trust", ["income", "west"])
    assert mine["currencies"] == ["USD", "EUR"]
    other = told["alpha-003"]
    assert (other["account_type"], other["currencies"]) == ("individual", None)
    for query in ("account_type=trust", "category=west", "account_type=trust&category=income"):
        _, body = api("alpha_trader").get(f"/v1/account/?{query}")
        assert [one["id"] for one in body["accounts"]] == ["alpha-002"], query
    assert api("alpha_trader").get("/v1/account/?category=east")[1]["accounts"] == []
