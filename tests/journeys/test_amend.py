"""Amendments against the simulated venue, end to end, on a policy that allows them (FIX 35=G).

Limit prices choose what the venue does: .5 rests, .04 acknowledges two seconds late.
"""

from __future__ import annotations

import uuid
from typing import Any

from tests.journeys.stage import Desk
from tests.product import Product, until

HANGS = "912810RY6"


def _working(desk: Desk, **changes: Any) -> str:
    order = desk.submit(
        account_id="beta-002",
        client_order_id=f"amend-{uuid.uuid4()}",
        amount={"par": 10_000},
        bypass_auto_execution=True,
        **{"limit_price": 98.5, **changes},
    )
    status, row = desk(
        "POST",
        f"trading/order/{order['id']}/execution-order/lob/manual/",
        {"amount": {"par": 10_000}, "venue_id": "SIMA"},
    )
    assert status in (201, 202), row
    return str(order["id"])


def _amend(desk: Desk, order_id: str, **terms: Any) -> tuple[int, dict[str, Any]]:
    status, answer = desk("POST", f"trading/order/{order_id}/amend/", terms)
    return status, dict(answer)


def _settled(desk: Desk, order_id: str) -> dict[str, Any]:
    def settled() -> dict[str, Any] | None:
        order = desk.order(order_id)
        return order if order["pending"] is None else None

    return dict(until(settled, seconds=60, what=f"{order_id} to be answered"))


def test_a_resting_order_is_replaced_twice_and_then_filled_on_its_new_terms(
    product: Product,
) -> None:
    with Desk(product, "beta_trader") as desk:
        order_id = _working(desk)
        assert _amend(desk, order_id, amount={"par": 12_000})[0] == 202
        order = _settled(desk, order_id)
        assert (order["amount"]["value"], order["revision"]) == (12_000, 2)
        assert _amend(desk, order_id, amount={"par": 8000}, limit_price=99.5)[0] == 202
        order = desk.until_status(order_id, "filled")
        assert (order["filled_amount"]["value"], order["revision"]) == (8000, 3)
        assert [one["status"] for one in order["amendments"]] == ["replaced", "replaced"]
        status, refused = _amend(desk, order_id, limit_price=99)
        assert (status, refused["code"]) == (409, "order_closed")


def test_a_venue_that_acknowledges_late_answers_the_replace_that_waited(product: Product) -> None:
    with Desk(product, "beta_trader") as desk:
        order_id = _working(desk, limit_price=98.04)
        assert _amend(desk, order_id, amount={"par": 9000})[0] == 202
        assert _settled(desk, order_id)["amount"]["value"] == 9000


def test_what_the_venue_refuses_leaves_the_order_as_it_was(product: Product) -> None:
    with Desk(product, "beta_trader") as desk:
        order_id = _working(desk)
        assert _amend(desk, order_id, limit_price=98.02)[0] == 202
        order = _settled(desk, order_id)
        assert (order["limit_price"], order["revision"], order["status"]) == (
            order["revisions"][0]["limit_price"],
            1,
            "pending_execution",
        )
        assert order["amendments"][0]["code"] == "venue_rejected"
        desk.cancel(order_id)
        desk.until_status(order_id, "canceled")


def test_a_cancel_overtakes_a_replace_that_nobody_answers(product: Product) -> None:
    with Desk(product, "beta_trader") as desk:
        order_id = _working(desk, instrument_id=HANGS, limit_price=101)
        assert _amend(desk, order_id, amount={"par": 9000})[0] == 202
        assert desk.order(order_id)["pending"] == "replace"
        desk.cancel(order_id)
        order = desk.until_status(order_id, "canceled")
        assert (order["amount"]["value"], order["amendments"][0]["status"]) == (10_000, "rejected")
