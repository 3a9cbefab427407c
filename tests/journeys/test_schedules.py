"""Schedules against the running product: at the venue, by the plan, every slice once."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.journeys import stage
from tests.product import Product, until


def test_twap_is_worked_slice_by_slice_and_the_venue_agrees(product: Product) -> None:
    with stage.Desk(product, "beta_trader") as desk:
        order_id, path = _started(desk, strategy="twap", slices=3)
        before = _schedule(desk, path)
        assert [one["amount"]["value"] for one in before["slices"]] == [2000] * 3
        _done(desk, order_id, path)
        _agree(product, desk, order_id, path)


def test_a_worker_that_is_killed_on_the_way_goes_on_and_doubles_nothing(product: Product) -> None:
    with stage.Desk(product, "beta_trader") as desk:
        order_id, path = _started(desk, strategy="vwap", slices=4)
        until(lambda: desk.executions(order_id), seconds=60, what="the first slice")
        product.kill("worker")
        _done(desk, order_id, path)
        _agree(product, desk, order_id, path)


def _started(desk: stage.Desk, **terms: Any) -> tuple[str, str]:
    """A staged order and its schedule, by the product's own clock, which is not the machine's."""
    order = desk.submit(account_id="beta-002", amount={"par": 6000}, bypass_auto_execution=True)
    begun = datetime.fromisoformat(order["created_at"])
    path = f"trading/order/{order['id']}/schedule/"
    body = {
        **terms,
        "end_time": (begun + timedelta(seconds=45)).isoformat(),
        "venue_id": "SIMA",
        # A busy machine may miss a slice: the next one takes it along.
        "max_slice": 6000,
    }
    status, made = desk("POST", path, body)
    assert status == 201, made
    return order["id"], path


def _schedule(desk: stage.Desk, path: str) -> dict[str, Any]:
    """The order's only one."""
    status, found = desk("GET", path)
    assert status == 200, found
    (one,) = found["schedules"]
    return dict(one)


def _done(desk: stage.Desk, order_id: str, path: str) -> None:
    until(lambda: desk.order(order_id)["status"] == "filled", seconds=90)
    until(lambda: _schedule(desk, path)["ended_at"], what="its end")


def _agree(product: Product, desk: stage.Desk, order_id: str, path: str) -> None:
    now = _schedule(desk, path)
    assert (now["status"], now["filled_amount"]["value"]) == ("finished", 6000)
    sent = [one for one in now["slices"] if one["execution_order_id"]]
    assert len({one["execution_order_id"] for one in sent}) == len(sent) > 0
    for one in sent:
        below = f"trading/order/{order_id}/execution-order/{one['execution_order_id']}/"
        created = desk("GET", below)[1]["created_at"]
        assert datetime.fromisoformat(one["due_time"]) <= datetime.fromisoformat(created)
    fills = desk.executions(order_id)
    assert sum(fill["amount"]["value"] for fill in fills) == Decimal(6000)
    stage.agree_with_venue(product, fills)
