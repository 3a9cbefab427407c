"""Trades made elsewhere, reported against an external execution order, booked and allocated."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.journeys.stage import APPROVED, Desk, custodian_bookings, fresh, on_stage, par
from tests.product import Product, until

EO_MADE = [
    ("system_update", "execution_order_request"),
    ("order_update", "execution_order_create"),
]
REPORTED = ("system_update", "external_trade_report_request")
EXECUTED = ("order_update", "execution")
REFUSED = ("system_update", "external_trade_report_reject")


def _external(desk: Desk, account: str) -> tuple[dict[str, Any], str]:
    order = desk.submit(account_id=account, bypass_auto_execution=True)
    row = desk.execute(order["id"], "external", quantity={"par": 3000})
    path = f"trading/order/{order['id']}/execution-order/{row['id']}/external/trade-report/"
    return order, path


def _booked(product: Product, code: str) -> list[tuple[Decimal, Decimal]]:
    found = (booking.instruction for _, booking in custodian_bookings(product).values())
    return sorted((one.qty, one.price) for one in found if one.account == code)


def test_reported_trades_fill_the_order_and_are_booked_unless_they_are_already(
    product: Product,
) -> None:
    with on_stage(product) as (desk, stream):
        order, path = _external(desk, "alpha-005")
        first = {
            "amount": {"type": "par", "value": 1000},
            "price": 99.25,
            "counterparty_id": "GSCO",
            "client_external_trade_report_id": fresh("xtr"),
        }
        status, answer = desk("POST", path, first)
        assert status == 202
        fill = stream.wait(order["id"], "execution")
        assert fill["order"]["status"] == "partially_filled"
        assert fill["event"]["external_trade_report_id"] == answer["external_trade_report_id"]
        assert fill["event"]["amount"] == par(1000)
        assert fill["event"]["price"]["pop"] == Decimal("99.25")

        # The same report again is the same trade; with other content it is refused.
        status, replay = desk("POST", path, first)
        assert status == 200
        assert replay["execution"]["execution_id"] == answer["execution"]["execution_id"]
        status, refused = desk("POST", path, {**first, "price": 99.3})
        assert (status, refused["code"]) == (409, "idempotency_conflict")

        # More than is open is refused, and so is a price worse than the limit.
        much = {"amount": {"par": 3000}, "price": 99.25}
        status, refused = desk("POST", path, much)
        assert (status, refused["error_details"][0]["code"]) == (422, "exceeds_open_quantity")
        status, refused = desk("POST", path, {"amount": {"par": 1000}, "price": 99.75})
        assert (status, refused["error_details"][0]["code"]) == (422, "price_worse_than_limit")

        outside = {"amount": {"par": 2000}, "price": 99, "bypass_trade_booking": True}
        status, _ = desk("POST", path, outside)
        assert status == 202
        stream.wait(order["id"], "execution", nth=2)
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *APPROVED,
            *EO_MADE,
            REPORTED,
            EXECUTED,
            REPORTED,
            REFUSED,
            REPORTED,
            REFUSED,
            REPORTED,
            EXECUTED,
        ]
        final = desk.order(order["id"])
        assert (final["status"], final["filled_amount"]) == ("filled", par(3000))
        assert final["filled_avg_price"]["pop"] == Decimal("99.0833333333")
        (row,) = final["execution_orders"]
        assert (row["protocol"], row["status"]) == ("external", "filled")
        status, refused = desk("POST", path, {"amount": {"par": 1000}, "price": 99})
        assert (status, refused["code"]) == (409, "execution_order_closed")
    until(lambda: _booked(product, "ALPHA-005"), what="the first trade to be booked")
    # Only what was not booked elsewhere already.
    assert _booked(product, "ALPHA-005") == [(Decimal(1000), Decimal("99.25"))]


def test_a_trade_cannot_be_reported_on_what_a_venue_works(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(limit_price=98.5)
        stream.wait(order["id"], "execution_order_create")
        (row,) = desk.order(order["id"])["execution_orders"]
        path = f"trading/order/{order['id']}/execution-order/{row['id']}/external/trade-report/"
        status, refused = desk("POST", path, {"amount": {"par": 1000}, "price": 98})
        assert (status, refused["code"]) == (409, "not_external")
        desk.cancel(order["id"])
        desk.until_status(order["id"], "canceled")


def test_an_averaged_block_is_booked_when_its_rest_is_canceled(product: Product) -> None:
    """Nothing is at a venue, so the cancel is immediate; the fills before it are still split."""
    parts = [
        {"account_id": account, "requested_amount": {"par": 2000}}
        for account in ("alpha-006", "alpha-007")
    ]
    with on_stage(product) as (desk, stream):
        order = desk.submit(
            account_id=None,
            amount={"par": 4000},
            bypass_auto_execution=True,
            allocations={"strategy": "pro_rata_with_averaging", "account_allocations": parts},
        )
        row = desk.execute(order["id"], "external", quantity={"par": 4000})
        path = f"trading/order/{order['id']}/execution-order/{row['id']}/external/trade-report/"
        assert desk("POST", path, {"amount": {"par": 2000}, "price": 99})[0] == 202
        assert desk.cancel(order["id"])["outcome"] == "canceled"
        stream.wait(order["id"], "allocation_approve")
        _, allocation = desk("GET", f"trading/allocation/{order['allocation_id']}/")
        split = [part["actual_amount"]["value"] for part in allocation["account_allocations"]]
        assert split == [1000, 1000]
        assert desk.order(order["id"])["status"] == "canceled"
