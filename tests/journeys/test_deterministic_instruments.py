"""Securities with a fixed outcome at the simulated venue: 100 bid, 101 asked, 500,000 a side."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.journeys.stage import APPROVED, ROUTED, agree_with_venue, on_stage, par
from tests.product import Product

TAKE = {"limit_price": 101, "amount": {"par": 10_000}}
ENDED = [("order_update", "execution_order_cancel"), ("order_update", "cancel")]


def test_one_is_filled_after_a_second(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(instrument_id="912810SX7", **TAKE)
        sent = stream.wait(order["id"], "execution_order_create")
        filled = stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [*ROUTED, ("order_update", "execution")]
        took = _time(filled["event"]["executed_at"]) - _time(sent["event"]["time"])
        assert timedelta(seconds=1) <= took < timedelta(seconds=10)
        assert filled["event"]["price"]["pop"] == 101
        assert desk.order(order["id"])["status"] == "filled"
        agree_with_venue(product, desk.executions(order["id"]))


def test_one_is_filled_by_half_and_hangs(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(instrument_id="912810RX8", **TAKE)
        half = stream.wait(order["id"], "execution")
        assert half["order"]["status"] == "partially_filled"
        assert half["order"]["filled_amount"] == par(5000)
        assert desk.cancel(order["id"])["outcome"] == "pending"
        stream.wait(order["id"], "cancel")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *ROUTED,
            ("order_update", "execution"),
            ("system_update", "cancel_request"),
            *ENDED,
        ]
        final = desk.order(order["id"])
        assert (final["status"], final["filled_amount"]) == ("canceled", par(5000))


def test_one_is_canceled_by_the_venue_unasked(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(instrument_id="912810UK2", **TAKE)
        stream.wait(order["id"], "cancel")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [*ROUTED, *ENDED]
        reason = stream.wait(order["id"], "execution_order_cancel")["event"]["reason"]
        assert reason == "canceled by the venue"
        assert desk.order(order["id"])["status"] == "canceled"

        kept = desk.submit(instrument_id="912810UK2", explicit_cancelation_required=True, **TAKE)
        stream.wait(kept["id"], "execution_order_cancel")
        stream.catch_up(desk)
        assert stream.words(kept["id"]) == [*ROUTED, ENDED[0]]
        assert desk.order(kept["id"])["status"] == "pending_execution"


@pytest.mark.parametrize("cusip", ["912810TD0", "38143C3G4"])
def test_some_are_restricted_and_never_leave_the_house(product: Product, cusip: str) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(instrument_id=cusip, **TAKE)
        rejected = stream.wait(order["id"], "reject")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            ("order_update", "request"),
            ("order_update", "reject"),
        ]
        assert order["status"] == "rejected"
        assert rejected["order"]["leaves_amount"] == par(0)
        assert [c["control_message"] for c in rejected["event"]["failed_controls"]]


@pytest.mark.parametrize(
    ("cusip", "side", "filled"),
    [
        ("880591DM1", "buy", False),
        ("880591DM1", "sell", False),
        ("3130A6RM1", "buy", False),
        ("3130A6RM1", "sell", True),
        ("3130A2UW4", "buy", True),
        ("3130A2UW4", "sell", False),
    ],
)
def test_some_are_quoted_on_one_side_or_not_at_all(
    product: Product, cusip: str, side: str, filled: bool
) -> None:
    price = 101 if side == "buy" else 100
    with on_stage(product) as (desk, stream):
        order = desk.submit(
            instrument_id=cusip, side=side, limit_price=price, amount={"par": 10_000}
        )
        stream.wait(order["id"], "execution" if filled else "cancel")
        stream.catch_up(desk)
        end: list[Any] = [("order_update", "execution")] if filled else ENDED
        assert stream.words(order["id"]) == [*ROUTED, *end]
        assert desk.order(order["id"])["status"] == ("filled" if filled else "canceled")


def test_reports_that_come_twice_count_once(product: Product) -> None:
    """A limit ending in .06: the venue sends every report two times."""
    with on_stage(product) as (desk, stream):
        order = desk.submit(limit_price=98.06)
        stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [*ROUTED, ("order_update", "execution")]
        fills = desk.executions(order["id"])
        assert [fill["amount"] for fill in fills] == [par(3000)]
        agree_with_venue(product, fills)


def test_a_refusal_of_the_venue_ends_the_execution_order_and_keeps_the_order(
    product: Product,
) -> None:
    """A limit ending in .02. Only a cancel is coupled to the order, a refusal is not (guide)."""
    with on_stage(product) as (desk, stream):
        order = desk.submit(limit_price=98.02)
        ended = stream.wait(order["id"], "execution_order_cancel")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [*ROUTED, ENDED[0]]
        assert ended["event"]["status"] == "rejected"
        assert "refused by the venue" in ended["event"]["reason"]
        final = desk.order(order["id"])
        assert final["status"] == "pending_execution"
        assert [row["status"] for row in final["execution_orders"]] == ["rejected"]
        assert stream.words(order["id"])[:2] == APPROVED
        assert desk.cancel(order["id"])["outcome"] == "canceled"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
