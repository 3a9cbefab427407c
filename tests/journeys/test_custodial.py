"""Shares handed to a custodian's desk: worked, canceled, certified; its own journal agrees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.journeys.stage import APPROVED, Desk, Stream, custodian_bookings, fresh, on_stage
from tests.product import Product, until
from venues.simulator import journal

DESK, SHARE = "LPLDESK", "594918104"
HANDED = [
    ("system_update", "execution_order_request"),
    ("order_update", "execution_order_create"),
]
EXECUTED, ASKED = ("order_update", "execution"), ("system_update", "execution_order_cancel_request")


def staged(desk: Desk, limit: float, qty: int = 100) -> dict[str, Any]:
    """An order of shares that waits for its trader, for an account that LPL keeps."""
    return desk.submit(
        instrument_id=SHARE,
        account_id="alpha-002",
        amount={"shares": qty},
        limit_price=limit,
        bypass_auto_execution=True,
    )


def at_the_desk(product: Product) -> dict[str, tuple[Decimal | None, Decimal | None]]:
    """Every trade that stands in the desk's own journal, by ExecID."""
    told = journal.executions(product.outside, DESK)
    return {exec_id: (report.last_qty, report.last_px) for exec_id, report in told.items()}


def agree_with_desk(product: Product, desk: Desk, order_id: str) -> list[dict[str, Any]]:
    """The order's fills are the desk's, to the share and the cent."""
    fills, theirs = desk.executions(order_id), at_the_desk(product)
    for fill in fills:
        told = theirs[fill["venue_execution_id"]]
        assert (fill["venue"], told) == (DESK, (fill["amount"]["value"], fill["price"]["pop"]))
    return fills


def until_ended(desk: Desk, stream: Stream, order_id: str, row_id: str) -> dict[str, Any]:
    """The execution order once it is over."""

    def over() -> dict[str, Any] | None:
        path = f"trading/order/{order_id}/execution-order/{row_id}/"
        row = dict(desk("GET", path)[1])
        return row if row["closed_at"] else None

    return dict(until(over, seconds=60, what=f"{row_id} to end"))


def test_shares_go_to_the_custodian_and_come_back_booked(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = staged(desk, 475)
        ask = {"amount": {"shares": 100}, "client_execution_order_id": fresh("eo")}
        row = desk.execute(order["id"], "custodian/manual", **ask)
        assert (row["protocol"], row["custodian_id"], row["venue_id"]) == (
            "custodian",
            "cust_lpl",
            DESK,
        )
        done = desk.until_status(order["id"], "filled")
        assert done["execution_orders"][0]["status"] == "filled"
        stream.catch_up(desk)
        words = stream.words(order["id"])
        assert words[: len(APPROVED) + 3] == [*APPROVED, *HANDED, EXECUTED]
        fills = agree_with_desk(product, desk, order["id"])
        assert sum(fill["amount"]["value"] for fill in fills) == 100
        path = f"trading/order/{order['id']}/execution-order/custodian/manual/"
        status, replay = desk("POST", path, ask)
        assert (status, replay["id"]) == (200, row["id"])

        def booked() -> bool:
            legs = [one.instruction for _, one in custodian_bookings(product).values()]
            return sum(leg.qty for leg in legs if leg.cusip == SHARE) >= 100

        until(booked, seconds=60, what="the shares to be booked")


def test_a_cancel_waits_for_the_desk_and_a_fill_beats_it(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = staged(desk, 460)
        row = desk.execute(order["id"], "custodian/manual", amount={"shares": 100})
        path = f"trading/order/{order['id']}/execution-order/{row['id']}/"
        assert desk("DELETE", path)[1]["outcome"] == "pending"
        ended = until_ended(desk, stream, order["id"], row["id"])
        assert (ended["status"], ended["filled_amount"]["value"]) == ("canceled", 0)
        stream.catch_up(desk)
        assert ASKED in stream.words(order["id"])
        # At a limit that ends in .03 the desk fills as it is asked to cancel: too late.
        order = staged(desk, 470.03)
        row = desk.execute(order["id"], "custodian/manual", amount={"shares": 100})
        path = f"trading/order/{order['id']}/execution-order/{row['id']}/"
        desk("DELETE", path)
        ended = until_ended(desk, stream, order["id"], row["id"])
        assert (ended["status"], ended["filled_amount"]["value"]) == ("filled", 100)
        agree_with_desk(product, desk, order["id"])


def test_a_desk_refuses_with_its_reason_and_the_order_lives_on(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = staged(desk, 480.02)
        row = desk.execute(order["id"], "custodian/manual", amount={"shares": 40})
        ended = until_ended(desk, stream, order["id"], row["id"])
        assert ended["status"] == "rejected"
        assert "refused by the venue" in ended["reason"]
        again = desk.order(order["id"])
        assert (again["status"], again["leaves_amount"]["value"]) == ("pending_execution", 100)
        for amount in ({"par": 100}, {"type": "par", "value": 100}):
            path = f"trading/order/{order['id']}/execution-order/custodian/manual/"
            status, refused = desk("POST", path, {"amount": amount})
            code = refused["error_details"][0]["code"]
            assert (status, code) == (422, "amount_type_unsupported")


def test_the_desk_passes_its_certification_and_the_books_agree_with_it(product: Product) -> None:
    said = product.manage("certify", DESK, "--by", "journey").stdout
    assert "is certified (configuration " in said
    assert "FAILED" not in said
    assert "books are told" not in said  # it shows none, so none is asked for
