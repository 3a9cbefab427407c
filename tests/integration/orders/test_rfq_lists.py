"""Lists of requests for quotes: every line its own outcome, and no query per line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import ExecutionOrder, Rfq
from tests import quoting, trading
from tests.client import Api
from tests.quoting import BROAD, SWIFT

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal
LIST, BATCH = "/v1/trading/list-rfq/", "/v1/trading/list-rfq/batch/"


def _staged(count: int, first: int = 0) -> list[str]:
    return [quoting.staged(qty=D(3000 + 1000 * n)) for n in range(first, first + count)]


def _lines(order_ids: list[str], **more: Any) -> dict[str, Any]:
    return {"rfqs": [{"order_id": key, "dealers": [SWIFT, BROAD], **more} for key in order_ids]}


def _queries(trader: Api, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    with CaptureQueriesContext(connection) as seen:
        status, answer = trader.post(path, body)
    assert status == 202, answer
    return len(seen), answer


@pytest.mark.parametrize(
    ("path", "more"), [(LIST, {}), (BATCH, {"amount": {"par": 3000}, "skip_lob_quotes": True})]
)
def test_fifty_lines_cost_no_more_queries_than_five(
    api: Callable[[str], Api], path: str, more: dict[str, Any]
) -> None:
    trader = api("alpha_trader")
    few, many = _staged(5), _staged(50, first=5)
    trader.post(path, _lines(_staged(1, first=60), **more))  # reference data is in memory after it
    cost_of_few, _ = _queries(trader, path, _lines(few, **more))
    cost_of_many, answer = _queries(trader, path, _lines(many, **more))
    assert cost_of_many <= cost_of_few + 3
    assert [line["status"] for line in answer["results"]] == [202] * 50
    rows = Rfq.objects.filter(list_id=answer["list_rfq_id"])
    assert set(rows.values_list("order_id", flat=True)) == set(many)


def test_every_line_has_its_own_outcome_and_the_list_is_read_with_them(
    api: Callable[[str], Api],
) -> None:
    trader = api("alpha_trader")
    good, taken = _staged(2)
    quoting.automatic(taken, 4000)
    body = _lines([good, taken], amount={"par": 3000}, skip_lob_quotes=True)
    _, answer = _queries(trader, BATCH, body)
    assert [line["status"] for line in answer["results"]] == [202, 422]
    error = answer["results"][1]["error"]
    assert "exceeds_open_quantity" in str(error)
    _, page = trader.get(f"{LIST}{answer['list_rfq_id']}/")
    assert [row["order_id"] for row in page["rfqs"]] == [good]
    assert page["rfqs"][0]["list_rfq_id"] == answer["list_rfq_id"]


@pytest.mark.parametrize(
    ("path", "more", "name"),
    [(LIST, {}, "rfq"), (BATCH, {"skip_lob_quotes": True}, "execution_order")],
)
def test_a_line_that_names_no_order_of_ours_sinks_no_other(
    api: Callable[[str], Api], path: str, more: dict[str, Any], name: str
) -> None:
    trader = api("alpha_trader")
    first, last = _staged(2)
    theirs = trading.submit(by="beta_trader", account_id="beta-002", bypass_auto_execution=True)
    body = _lines([first, "mo_nope", theirs, last, last], amount={"par": 1000}, **more)
    body["rfqs"][4]["amount"] = {"shares": 1000}
    _, answer = _queries(trader, path, body)
    results = answer["results"]
    assert [line["status"] for line in results] == [202, 404, 404, 202, 422]
    assert [line["order_id"] for line in results] == [first, "mo_nope", theirs, last, last]
    assert [line["error"]["code"] for line in results[1:3]] == ["not_found"] * 2
    assert results[4]["error"]["code"] == "amount_type_differs"
    assert [line[name]["order_id"] for line in (results[0], results[3])] == [first, last]
    rows = Rfq.objects.filter(list_id=answer["list_rfq_id"]).order_by("id")
    assert sorted(rows.values_list("order_id", flat=True)) == sorted([first, last])
    nobody = _lines(["mo_nope"], amount={"par": 1000}, **more)
    _, answer = _queries(trader, path, nobody)
    assert [line["status"] for line in answer["results"]] == [404]


def test_lines_of_one_order_do_not_take_the_same_quantity_twice(
    api: Callable[[str], Api],
) -> None:
    trader = api("alpha_trader")
    (order_id,) = _staged(1)  # of 3,000
    body = _lines([order_id] * 3, amount={"par": 2000}, skip_lob_quotes=True)
    _, answer = _queries(trader, BATCH, body)
    assert Counter(line["status"] for line in answer["results"]) == {202: 1, 422: 2}
    assert answer["results"][0]["status"] == 202
    assert ExecutionOrder.objects.filter(order_id=order_id).count() == 1


def test_an_id_used_twice_in_one_batch_is_one_execution_order(api: Callable[[str], Api]) -> None:
    trader = api("alpha_trader")
    one, other = _staged(2)
    body = _lines([one, one, other], amount={"par": 1000}, client_execution_order_id="same")
    _, answer = _queries(trader, BATCH, body)
    assert [line["status"] for line in answer["results"]] == [202, 202, 409]
    first, again, _ = answer["results"]
    assert first["execution_order"]["id"] == again["execution_order"]["id"]
    assert ExecutionOrder.objects.count() == 1


def test_a_list_of_another_organization_is_not_found(api: Callable[[str], Api]) -> None:
    _, answer = _queries(api("alpha_trader"), LIST, _lines(_staged(1)))
    status, _ = api("beta_trader").get(f"{LIST}{answer['list_rfq_id']}/")
    assert status == 404
