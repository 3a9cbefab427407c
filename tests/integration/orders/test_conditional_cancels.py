"""`If-Match` on what stops or lets go: for who asks for it, and no hurdle for anybody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from allocations.models import Allocation, ReleaseRule
from oms_site.firm import generation
from oms_site.journal.models import Event
from orders import lots
from orders.models import ExecutionOrder
from tests import trading
from tests.client import Api
from venues.messages import ExecType

NEVER = '"999"'


def tag(path: str, user: str = "alpha_trader") -> str:
    answer = Client(headers={"authorization": f"Bearer oems_test_{user}"}).get(path)
    assert answer.status_code == 200
    return str(answer.headers["ETag"])


def ask(api: Api, method: str, path: str, match: str) -> tuple[int, Any]:
    return api(method, path, None, {"If-Match": match})


def moved(answer: tuple[int, Any]) -> bool:
    return (answer[0], answer[1].get("code")) == (412, "version_moved")


@pytest.fixture
def trader(api: Callable[[str], Api]) -> Api:
    return api("alpha_trader")


@pytest.fixture
def staged(sandbox: datetime) -> str:
    """The path of an order of 3,000 that works nowhere yet."""
    return f"/v1/trading/order/{trading.submit(bypass_auto_execution=True)}/"


@pytest.fixture
def working(staged: str) -> str:
    """The path of an execution order of it that its venue has taken."""
    order_id = staged.split("/")[-2]
    child = trading.execute(order_id, 1000)
    trading.receive(trading.report(child, ExecType.NEW))
    return f"{staged}execution-order/{child.execution_order_id}/"


def fill(working: str, qty: int, cum: int) -> None:
    row = ExecutionOrder.objects.get(pk=working.split("/")[-2])
    trading.receive(trading.fill(row.venue_orders.get(), qty, cum=cum))


def pending(working: str) -> tuple[str, str]:
    row = ExecutionOrder.objects.select_related("order").get(pk=working.split("/")[-2])
    return row.order.pending, row.pending


def test_an_order_that_has_moved_since_is_not_canceled(
    trader: Api, staged: str, working: str
) -> None:
    seen = tag(staged)
    fill(working, 400, 400)
    before = Event.objects.count()
    assert moved(ask(trader, "DELETE", staged, seen))
    assert (pending(working), Event.objects.count()) == (("", ""), before)
    assert ask(trader, "DELETE", staged, tag(staged))[1]["outcome"] == "pending"
    assert pending(working) == ("cancel", "cancel")


def test_an_execution_order_that_has_moved_since_is_not_canceled(trader: Api, working: str) -> None:
    seen = tag(working)
    fill(working, 400, 400)
    before = Event.objects.count()
    assert moved(ask(trader, "DELETE", working, seen))
    assert (pending(working), Event.objects.count()) == (("", ""), before)
    assert ask(trader, "DELETE", working, tag(working))[1]["outcome"] == "pending"
    assert pending(working) == ("", "cancel")


def test_an_execution_order_is_stopped_as_it_was_seen_whatever_its_order_did(
    trader: Api, staged: str, working: str
) -> None:
    seen = tag(working)
    trading.execute(staged.split("/")[-2], 1000)
    assert ask(trader, "DELETE", working, seen)[1]["outcome"] == "pending"


def test_without_the_header_a_cancel_passes_whatever_has_moved(
    trader: Api, staged: str, working: str
) -> None:
    fill(working, 400, 400)
    assert trader.delete(working)[1]["outcome"] == "pending"
    assert trader.delete(staged)[1]["outcome"] == "pending"
    assert ask(trader, "DELETE", staged, "*")[0] == 202
    assert ask(trader, "DELETE", staged, "")[0] == 202


def test_a_cancel_that_two_saw_alike_is_asked_for_once(trader: Api, staged: str) -> None:
    seen = tag(staged)
    assert ask(trader, "DELETE", staged, seen)[1]["outcome"] == "canceled"
    assert moved(ask(trader, "DELETE", staged, seen))
    assert Event.objects.filter(event_type="cancel_request").count() == 1
    status, body = trader.delete(staged)
    assert (status, body["outcome"], body["code"]) == (202, "refused", 0)


@pytest.mark.usefixtures("staged")
def test_what_stops_many_asks_for_no_version(api: Callable[[str], Api], trader: Api) -> None:
    mass = {"everything": True, "reason": "a test", "confirm": "cancel"}
    assert trader("POST", "/v1/trading/mass-cancel/", mass, {"If-Match": NEVER})[0] == 202
    halt = {"scope": "organization", "reason": "a test", "confirm": "organization"}
    risk = api("alpha_compliance")
    assert risk("POST", "/v1/kill-switch/", halt, {"If-Match": NEVER})[0] == 201


@pytest.mark.parametrize(
    ("user", "method", "below", "body"),
    [
        ("beta_trader", "DELETE", "", None),
        ("beta_trader", "POST", "amend/", {"amount": {"par": 4000}}),
        ("beta_compliance", "POST", "approve/", {"annotation": "seen"}),
    ],
)
def test_a_tag_tells_nobody_that_anothers_order_exists(
    api: Callable[[str], Api], staged: str, user: str, method: str, below: str, body: Any
) -> None:
    status, error = api(user)(method, f"{staged}{below}", body, {"If-Match": NEVER})
    assert (status, error["code"]) == (404, "not_found")


def test_an_allocation_is_released_as_it_was_seen(api: Callable[[str], Api]) -> None:
    ReleaseRule.objects.create(organization_id="alpha", name="all by hand", release="hand")
    generation.check()
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    path = f"/v1/trading/allocation/{Allocation.objects.get().pk}/"
    seen = tag(path)
    trading.receive(trading.fill(child, 2000, cum=3000))
    lots.drain()
    ops = api("alpha_ops")
    assert moved(ask(ops, "POST", f"{path}release/", seen))
    assert Allocation.objects.get().released_at is None
    assert ask(ops, "POST", f"{path}release/", tag(path))[0] == 202
    assert Allocation.objects.get().released_at is not None
