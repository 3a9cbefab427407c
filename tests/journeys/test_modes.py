"""The three ways an order moves into execution (guide, "Executing an Order")."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.journeys.stage import (
    APPROVED,
    GUIDE_ORDER,
    ROUTED,
    agree_with_venue,
    custodian_bookings,
    fresh,
    on_stage,
    par,
)
from tests.product import Product, until

FILLED = [*ROUTED, ("order_update", "execution")]
# The guide's second sample, word for word.
GUIDE_BLOCK: dict[str, Any] = {
    "client_order_id": "01JZ5Q165940HX2Q3SB2EK0CA4",
    "instrument_id": "00033GAB1",
    "limit_price": None,
    "type": "market",
    "extended_hours": True,
    "side": "buy",
    "amount": {"type": "par", "value": 10000},
    "account_id": "",
    "ib_id": "01K4BRMF8MCV09YXYE1TT4S2TB",
    "risk_group_id": "01K4BRMRH4ERKRYFCJKCQYKR26",
    "execution_instructions": [
        {
            "protocol": "limit_order_book",
            "strategy": "smart_order_routing",
            "quantity": {"type": "par", "value": 10000},
            "limit_price": 84.35,
            "suppress_pmp_check": False,
            "all_or_none": True,
            "client_execution_order_id": "01K4BRMZZPD8BD896GB4PC3VF4",
        }
    ],
    "explicit_cancelation_required": True,
    "trader_profile": {"user_id": "01K4BRN66KX4977GWNTBKMSKWW", "bloomberg_id": "BBG000BLNQ16"},
    "custodian_id": "cust_lpl",
    "allocations": {
        "strategy": "fifo_without_averaging",
        "client_allocation_id": "allocation-01K4BRNB4YV87WZV9G5DA2QTT4",
        "account_allocations": [
            {
                "client_account_allocation_id": "allocation-01K4BRNJ2VJJKQ0C6VZWWT734J",
                "account_id": "myaccount",
                "requested_amount": {"type": "par", "value": 10000},
            }
        ],
    },
    "all_or_none": True,
}


def test_a_ruleset_takes_a_plain_order_to_the_book_and_to_its_custodian(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        status, order = desk("POST", "trading/order/", GUIDE_ORDER)
        assert (status, order["status"]) == (201, "pending_execution")
        fill = stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == FILLED
        created = stream.wait(order["id"], "execution_order_create")["event"]["execution_order"]
        assert (created["origin"], created["rule"]) == ("ruleset", "v1/small-to-book")
        assert (created["protocol"], created["strategy"]) == (
            "limit_order_book",
            "smart_order_routing",
        )
        event = fill["event"]
        assert event["amount"] == par(3000)
        assert event["price"]["pop"] == Decimal("99.375")
        assert event["principal"] == Decimal("2981.25")
        assert event["net_money"] == event["principal"] + event["accrued_interest"]
        assert (event["venue"], event["late"], event["overfill"]) == ("SIMA", False, False)
        assert event["execution_order_id"] == created["id"]

        final = desk.order(order["id"])
        assert final["status"] == fill["order"]["status"] == "filled"
        assert final["filled_amount"] == par(3000)
        assert final["leaves_amount"] == par(0)
        assert final["filled_avg_price"] == event["price"]
        assert final["filled_at"] == event["executed_at"]
        assert [row["status"] for row in final["execution_orders"]] == ["filled"]
        agree_with_venue(product, desk.executions(order["id"]))


def test_an_executed_order_is_booked_at_its_accounts_custodian(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(account_id="alpha-009")
        stream.wait(order["id"], "execution")
        (fill,) = desk.executions(order["id"])

    def booked() -> list[Any]:
        found = custodian_bookings(product).values()
        return [
            (where, b.instruction) for where, b in found if b.instruction.account == "ALPHA-009"
        ]

    ((custodian, leg),) = until(booked, what="the booking at the custodian")
    assert custodian == "cust_bny"
    assert (leg.qty, leg.price) == (3000, Decimal("99.375"))
    assert (leg.principal, leg.accrued_interest, leg.net_money) == (
        fill["principal"],
        fill["accrued_interest"],
        fill["net_money"],
    )


def test_the_guides_block_order_is_executed_as_it_says_itself(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        status, order = desk("POST", "trading/order/", GUIDE_BLOCK)
        assert status == 201
        assert order["account_id"] is None
        stream.wait(order["id"], "allocation_approve")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            ("order_update", "request"),
            ("order_update", "allocation_create"),
            ("order_update", "approve"),
            ("order_update", "execution_order_create"),
            ("order_update", "execution"),
            ("order_update", "allocation_calculate"),
            ("order_update", "allocation_submit"),
            ("order_update", "allocation_approve"),
        ]
        created = stream.wait(order["id"], "execution_order_create")["event"]["execution_order"]
        assert created["origin"] == "instruction"
        assert created["client_execution_order_id"] == "01K4BRMZZPD8BD896GB4PC3VF4"
        assert (created["limit_price"], created["all_or_none"]) == (Decimal("84.35"), True)

        calculated = stream.wait(order["id"], "allocation_calculate")["event"]
        (mine,) = calculated["account_allocations"]
        assert mine["account_id"] == "myaccount"
        assert (mine["actual_amount"], mine["fill_price"]) == (par(10000), Decimal("84.25"))
        assert mine["venue"] == "SIMA"
        submitted = stream.wait(order["id"], "allocation_submit")["event"]
        assert submitted["custodian_id"] == "cust_lpl"
        final = desk.order(order["id"])
        assert (final["status"], final["filled_amount"]) == ("filled", par(10000))

        # The very same words again are the very same order.
        again, replay = desk("POST", "trading/order/", GUIDE_BLOCK)
        assert (again, replay["id"]) == (200, order["id"])


def test_instructions_may_name_a_venue(product: Product) -> None:
    instruction = {
        "protocol": "limit_order_book",
        "strategy": "manual",
        "venue_id": "SIMB",
        "quantity": {"par": 2000},
    }
    with on_stage(product) as (desk, stream):
        order = desk.submit(execution_instructions=[instruction])
        fill = stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == FILLED
        assert (fill["event"]["venue"], fill["event"]["amount"]) == ("SIMB", par(2000))
        # What the instructions do not take stays with the trader.
        assert fill["order"]["status"] == "partially_filled"
        assert desk.order(order["id"])["leaves_amount"] == par(1000)


def test_a_staged_order_waits_and_is_worked_in_two_parts(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(bypass_auto_execution=True)
        stream.catch_up(desk)
        assert stream.words(order["id"]) == APPROVED
        assert desk.order(order["id"])["status"] == "pending_execution"

        client_id = fresh("eo")
        ask = {"quantity": {"par": 1000}, "client_execution_order_id": client_id}
        first = desk.execute(order["id"], "lob/sor", **ask)
        half = stream.wait(order["id"], "execution")
        assert half["order"]["status"] == "partially_filled"
        assert half["event"]["client_execution_order_id"] == client_id
        second = desk.execute(
            order["id"], "lob/manual", amount={"type": "par", "value": 2000}, venue_id="SIMB"
        )
        stream.wait(order["id"], "execution", nth=2)
        stream.catch_up(desk)
        worked = [
            ("system_update", "execution_order_request"),
            ("order_update", "execution_order_create"),
            ("order_update", "execution"),
        ]
        assert stream.words(order["id"]) == [*APPROVED, *worked, *worked]
        names = [f["event"]["execution_order_id"] for f in stream.story(order["id"])[2:]]
        assert names == [first["id"]] * 3 + [second["id"]] * 3

        final = desk.order(order["id"])
        assert (final["status"], final["filled_amount"]) == ("filled", par(3000))
        assert [row["status"] for row in final["execution_orders"]] == ["filled", "filled"]
        fills = desk.executions(order["id"])
        assert [fill["venue"] for fill in fills] == ["SIMA", "SIMB"]
        agree_with_venue(product, fills)

        # The client's id has made its execution order: it makes no second one.
        path = f"trading/order/{order['id']}/execution-order/lob/sor/"
        status, replay = desk("POST", path, ask)
        assert (status, replay["id"]) == (200, first["id"])
        status, refused = desk("POST", path, {**ask, "quantity": {"par": 2000}})
        assert (status, refused["code"]) == (409, "idempotency_conflict")


def test_an_order_that_no_rule_takes_is_staged(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(amount={"par": 2_000_000})
        stream.catch_up(desk)
        assert stream.words(order["id"]) == APPROVED
        assert desk.order(order["id"])["execution_orders"] == []


def test_execution_orders_never_take_more_than_is_open(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(bypass_auto_execution=True, limit_price=98.5)
        desk.execute(order["id"], "lob/sor", quantity={"par": 2000})
        path = f"trading/order/{order['id']}/execution-order/lob/sor/"
        status, refused = desk("POST", path, {"quantity": {"par": 2000}})
        assert status == 422
        assert refused["error_details"][0]["code"] == "exceeds_open_quantity"
        much = refused["code"]
        status, refused = desk("POST", path, {"quantity": {"par": 1000}, "limit_price": 98.6})
        assert (status, refused["error_details"][0]["code"]) == (422, "limit_worse_than_order")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *APPROVED,
            ("system_update", "execution_order_request"),
            ("order_update", "execution_order_create"),
            ("system_update", "execution_order_request"),
            ("system_update", "execution_order_reject"),
            ("system_update", "execution_order_request"),
            ("system_update", "execution_order_reject"),
        ]
        requested, rejected = stream.story(order["id"])[4:6]
        assert "order" not in requested
        assert rejected["event"]["code"] == much
        assert requested["event"]["execution_order_id"] == rejected["event"]["execution_order_id"]
        desk.cancel(order["id"])
        desk.until_status(order["id"], "canceled")
