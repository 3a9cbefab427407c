"""`ETag` and `If-Match`: what is changed is what the caller has seen, or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from allocations.models import Allocation
from controls.models import Control
from orders import lots
from orders.models import Order
from tests import policies, trading
from tests.client import Api
from tests.integration.orders.limits import in_force
from venues.messages import ExecType


def _tag(user: str, path: str) -> str:
    answer = Client(headers={"authorization": f"Bearer oems_test_{user}"}).get(path)
    assert answer.status_code == 200
    return str(answer.headers["ETag"])


def _if(api: Api, method: str, path: str, tag: str, body: Any = None) -> tuple[int, Any]:
    return api(method, path, {} if body is None else body, {"If-Match": tag})


@pytest.fixture
def amendable(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _moved(answer: tuple[int, Any]) -> bool:
    return (answer[0], answer[1]["code"]) == (412, "version_moved")


@pytest.mark.usefixtures("amendable")
@pytest.mark.parametrize("how", ["PATCH", "POST"])
def test_an_order_that_has_moved_since_is_not_amended(api: Callable[..., Any], how: str) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    path = f"/v1/trading/order/{order_id}/"
    there = path if how == "PATCH" else f"{path}amend/"
    seen = _tag("alpha_trader", path)
    trading.execute(order_id, 1000)
    more = {"amount": {"par": 4000}}
    assert _moved(_if(api("alpha_trader"), how, there, seen, more))
    assert Order.objects.get(pk=order_id).revisions_made == 1
    assert _if(api("alpha_trader"), how, there, _tag("alpha_trader", path), more)[0] == 202


@pytest.mark.usefixtures("amendable")
def test_without_the_header_or_with_any_it_is_as_before(api: Callable[..., Any]) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    path, trader = f"/v1/trading/order/{order_id}/", api("alpha_trader")
    trading.execute(order_id, 1000)
    assert trader("PATCH", path, {"amount": {"par": 4000}})[0] == 202
    assert _if(trader, "PATCH", path, "*", {"amount": {"par": 5000}})[0] == 202
    assert _if(trader, "PATCH", path, '"1", "99"', {"amount": {"par": 6000}})[0] == 412
    now = _tag("alpha_trader", path)
    assert _if(trader, "PATCH", path, f'"1", {now}', {"amount": {"par": 6000}})[0] == 202
    weak = f"W/{_tag('alpha_trader', path)}"
    assert _moved(_if(trader, "PATCH", path, weak, {"amount": {"par": 7000}}))


@pytest.mark.usefixtures("amendable")
def test_an_amendment_sent_again_as_it_was_gets_its_first_answer(api: Callable[..., Any]) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    path, trader = f"/v1/trading/order/{order_id}/", api("alpha_trader")
    seen = _tag("alpha_trader", path)
    body = {"amount": {"par": 4000}, "client_amend_id": "am-1"}
    first = _if(trader, "PATCH", path, seen, body)
    assert first[0] == 202
    assert _if(trader, "PATCH", path, seen, body) == first
    assert Order.objects.get(pk=order_id).revisions_made == 2
    other = {**body, "amount": {"par": 5000}}
    status, error = _if(trader, "PATCH", path, seen, other)
    assert (status, error["code"]) == (409, "idempotency_conflict")
    assert _moved(_if(trader, "PATCH", path, seen, {**other, "client_amend_id": "am-2"}))
    assert Order.objects.get(pk=order_id).order_qty == 4000


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_decision_sent_again_as_it_was_gets_its_first_answer(
    api: Callable[..., Any], word: str
) -> None:
    in_force("size.max_quantity", remediation="flag", max_qty="1")
    order_id = trading.submit()
    path, by = f"/v1/trading/order/{order_id}/", api("alpha_compliance")
    seen, name = _tag("alpha_compliance", path), f"client_manual_{word}_id"
    body = {"annotation": "seen", name: "d-1"}
    status, first = _if(by, "POST", f"{path}{word}/", seen, body)
    assert status == 202
    status, again = _if(by, "POST", f"{path}{word}/", seen, body)
    assert (status, again[f"manual_{word}_id"]) == (202, first[f"manual_{word}_id"])
    assert _moved(_if(by, "POST", f"{path}{word}/", seen, {**body, name: "d-2"}))


@pytest.mark.usefixtures("amendable")
@pytest.mark.parametrize("tag", ["7", '"7', "'7'", '"7" "8"'])
def test_what_is_no_tag_is_told_so(api: Callable[..., Any], tag: str) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    there = f"/v1/trading/order/{order_id}/"
    status, error = _if(api("alpha_trader"), "PATCH", there, tag, {"amount": {"par": 4000}})
    assert (status, error["code"]) == (400, "invalid_if_match")


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_flagged_order_is_decided_as_it_was_seen(api: Callable[..., Any], word: str) -> None:
    in_force("size.max_quantity", remediation="flag", max_qty="1")
    order_id = trading.submit()
    path = f"/v1/trading/order/{order_id}/"
    by, body = api("alpha_compliance"), {"annotation": "seen"}
    assert _moved(_if(by, "POST", f"{path}{word}/", '"999"', body))
    assert trading.order(order_id).status == "pending_approval"
    seen = _tag("alpha_compliance", path)
    assert _if(by, "POST", f"{path}{word}/", seen, body)[0] == 202


@pytest.mark.usefixtures("sandbox")
def test_a_control_is_changed_as_it_was_seen(api: Callable[..., Any]) -> None:
    control = in_force("size.max_quantity", max_qty="500")
    path = f"/v1/control/{control.code}/"
    by, other = api("alpha_compliance"), api("alpha_compliance2")
    seen = _tag("alpha_compliance", path)
    body = {"reason": "quiet days"}
    assert _if(by, "POST", f"{path}suspend/", seen, body)[0] == 200
    assert _moved(_if(by, "POST", f"{path}version/", seen, {**body, "params": {"max_qty": "9"}}))
    assert _moved(_if(other, "POST", f"{path}approve/", seen, body))
    assert Control.objects.get(pk=control.pk).status == "active"
    now = _tag("alpha_compliance", path)
    assert _if(other, "POST", f"{path}approve/", now, body)[0] == 200
    assert Control.objects.get(pk=control.pk).status == "suspended"
    assert _moved(_if(by, "DELETE", path, now, body))


@pytest.mark.usefixtures("sandbox")
def test_a_control_that_is_named_with_its_owner_is_changed_as_it_was_seen(
    api: Callable[..., Any],
) -> None:
    control = in_force("size.max_quantity", max_qty="500")
    path, by = f"/v1/control/alpha:{control.code}/", api("alpha_compliance")
    seen, body = _tag("alpha_compliance", path), {"reason": "quiet days"}
    assert _moved(_if(by, "POST", f"{path}suspend/", '"999.active.none"', body))
    assert _moved(_if(by, "POST", f"{path}version/", '"999"', {**body, "params": {"max_qty": "9"}}))
    assert _if(by, "POST", f"{path}suspend/", seen, body)[0] == 200


@pytest.mark.usefixtures("sandbox")
def test_an_allocation_is_withdrawn_as_it_was_seen(api: Callable[..., Any]) -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.NEW), trading.fill(child, 1000, cum=1000))
    lots.drain()
    allocation_id = Allocation.objects.get(order_id=child.order_id).pk
    path, trader = f"/v1/trading/allocation/{allocation_id}/", api("alpha_trader")
    assert _moved(_if(trader, "DELETE", path, '"999"'))
    assert _if(trader, "DELETE", path, _tag("alpha_trader", path))[0] == 202
