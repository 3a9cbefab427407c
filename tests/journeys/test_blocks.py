"""Block trades: pre-trade allocations over three accounts, down to the custodians' own books."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from decimal import Decimal
from typing import Any

from tests.journeys.stage import (
    APPLE,
    CUSTODIANS,
    Desk,
    Stream,
    custodian_bookings,
    fresh,
    on_stage,
    par,
)
from tests.product import Product, until

# account, code at its custodian, custodian
PARTIES = (
    ("alpha-002", "ALPHA-002", "cust_lpl"),
    ("alpha-003", "ALPHA-003", "cust_bny"),
    ("alpha-004", "ALPHA-004", "cust_pershing"),
)
MONEY = ("principal", "accrued_interest", "net_money")
BEFORE_FILLS = [
    ("order_update", "request"),
    ("order_update", "allocation_create"),
    ("order_update", "approve"),
    ("order_update", "execution_order_create"),
]
CALCULATED = ("order_update", "allocation_calculate")
SUBMITTED = ("order_update", "allocation_submit")
BOOKED = [
    CALCULATED,
    *[SUBMITTED] * 3,
    ("order_update", "allocation_approve"),
]


def _block(strategy: str, parts: tuple[int, int, int], **changes: Any) -> dict[str, Any]:
    total = sum(parts)
    instruction = {
        "protocol": "limit_order_book",
        "strategy": "smart_order_routing",
        "quantity": {"par": total},
    }
    return {
        "client_order_id": fresh("block"),
        "account_id": None,
        "instrument_id": APPLE,
        "amount": {"type": "par", "value": total},
        "execution_instructions": [instruction],
        "allocations": {
            "strategy": strategy,
            "client_allocation_id": fresh("allocation"),
            "account_allocations": [
                {
                    "client_account_allocation_id": fresh(f"part-{account}"),
                    "account_id": account,
                    "requested_amount": {"type": "par", "value": part},
                }
                for (account, _, _), part in zip(PARTIES, parts, strict=True)
            ],
        },
        **changes,
    }


def _booked(product: Product, desk: Desk, stream: Stream, order: dict[str, Any]) -> dict[str, Any]:
    """The allocation once approved, after its bookings were compared with the custodians' books."""
    stream.wait(order["id"], "allocation_approve")
    _, allocation = desk("GET", f"trading/allocation/{order['allocation_id']}/")
    assert (allocation["status"], allocation["complete"]) == ("approved", True)
    theirs = custodian_bookings(product)
    for part, (account, code, custodian) in zip(
        allocation["account_allocations"], PARTIES, strict=True
    ):
        assert part["account_id"] == account
        assert (
            sum(leg["amount"]["value"] for leg in part["bookings"])
            == (part["actual_amount"]["value"])
        )
        for leg in part["bookings"]:
            where, booking = theirs[leg["booking_id"]]
            told = booking.instruction
            assert (where, told.account, told.cusip, told.side) == (custodian, code, APPLE, "1")
            assert (told.qty, told.price) == (leg["amount"]["value"], leg["price"])
            assert booking.booking_ref == leg["booking_ref"]
            for name in MONEY:
                assert getattr(told, name) == leg[name]
            assert leg["net_money"] == leg["principal"] + leg["accrued_interest"]
    _each_leg_once(product, allocation)
    _no_cent_lost(desk, order, allocation)
    return dict(allocation)


def _each_leg_once(product: Product, allocation: dict[str, Any]) -> None:
    lines: Counter[str] = Counter()
    for custodian in CUSTODIANS:
        text = (product.outside / f"custodian-{custodian}.jsonl").read_text()
        lines.update(
            line["key"] for line in map(json.loads, text.splitlines()) if line["kind"] == "booking"
        )
    for part in allocation["account_allocations"]:
        for leg in part["bookings"]:
            assert lines[leg["booking_id"]] == 1


def _no_cent_lost(desk: Desk, order: dict[str, Any], allocation: dict[str, Any]) -> None:
    fills = desk.executions(order["id"])
    legs = [leg for part in allocation["account_allocations"] for leg in part["bookings"]]
    for name in MONEY:
        assert sum(leg[name] for leg in legs) == sum(fill[name] for fill in fills)
    assert sum(leg["amount"]["value"] for leg in legs) == sum(
        fill["amount"]["value"] for fill in fills
    )


def _pieces(allocation: dict[str, Any]) -> list[list[tuple[int, Decimal]]]:
    return [
        [(leg["amount"]["value"], leg["price"]) for leg in part["bookings"]]
        for part in allocation["account_allocations"]
    ]


def _told(stream: Stream, order: dict[str, Any], fills: list[dict[str, Any]]) -> None:
    """The story in its order: one update and one execution per fill.

    Fills that come apart are worked out in between as well; only the whole is submitted.
    """
    words, said = stream.words(order["id"]), [("order_update", "execution")] * len(fills)
    *_, last = (n for n, one in enumerate(words) if one == CALCULATED)
    whole = [one for n, one in enumerate(words) if one != CALCULATED or n == last]
    assert whole == [*BEFORE_FILLS, *said, *BOOKED]


def _told_by_fill(stream: Stream, order: dict[str, Any], fills: list[dict[str, Any]]) -> None:
    """The same where each fill is booked by itself: those that come apart are submitted apart."""
    words, said = stream.words(order["id"]), [("order_update", "execution")] * len(fills)
    facts = [one for one in words if one not in (CALCULATED, SUBMITTED)]
    assert facts == [*BEFORE_FILLS, *said, BOOKED[-1]]
    assert words[-2:] == [SUBMITTED, BOOKED[-1]]
    # Nothing is submitted but what was worked out a moment before.
    before = {was for was, one in itertools.pairwise(words) if one == SUBMITTED}
    assert before <= {CALCULATED, SUBMITTED}


def _is(frame: dict[str, Any], word: tuple[str, str]) -> bool:
    return (frame["msg_type"], frame["event"]["event_type"]) == word


def _first_in_first_out(
    fills: list[dict[str, Any]], parts: tuple[int, ...]
) -> list[list[tuple[int, Decimal]]]:
    """What each part gets of the fills as they came, written down without the engine's help."""
    left = [[fill["amount"]["value"], fill["price"]["pop"]] for fill in fills]
    given: list[list[tuple[int, Decimal]]] = []
    for part in parts:
        pieces = []
        while part:
            qty = min(part, left[0][0])
            pieces.append((qty, left[0][1]))
            part, left[0][0] = part - qty, left[0][0] - qty
            left = left if left[0][0] else left[1:]
        given.append(pieces)
    return given


def test_first_in_first_out_gives_every_account_its_own_fills(product: Product) -> None:
    parts = (4_000_000, 3_000_000, 2_000_000)
    with on_stage(product) as (desk, stream):
        order = desk.submit(**_block("fifo_without_averaging", parts))
        allocation = _booked(product, desk, stream, order)
        stream.catch_up(desk)
        fills = desk.executions(order["id"])
        _told_by_fill(stream, order, fills)
        # More than the best level of all venues together: some of it costs more.
        assert {fill["price"]["pop"] for fill in fills} == {Decimal("99.375"), Decimal("99.40625")}
        assert _pieces(allocation) == _first_in_first_out(fills, parts)
        submits = [f["event"] for f in stream.story(order["id"]) if _is(f, SUBMITTED)]
        assert {one["custodian_id"] for one in submits} == {name for _, _, name in PARTIES}
        told = [leg["booking_id"] for one in submits for leg in one["bookings"]]
        legs = [leg for part in allocation["account_allocations"] for leg in part["bookings"]]
        assert sorted(told) == sorted(leg["booking_id"] for leg in legs)
        assert desk.order(order["id"])["status"] == "filled"


def test_pro_rata_gives_every_account_the_average_price(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        parts = (3_000_000, 4_000_000, 2_000_000)
        order = desk.submit(**_block("pro_rata_with_averaging", parts))
        allocation = _booked(product, desk, stream, order)
        stream.catch_up(desk)
        fills = desk.executions(order["id"])
        _told(stream, order, fills)
        average = desk.order(order["id"])["filled_avg_price"]["pop"]
        paid = sum(fill["amount"]["value"] * fill["price"]["pop"] for fill in fills)
        assert average == round(paid / sum(parts), 10) != fills[0]["price"]["pop"]
        assert _pieces(allocation) == [[(part, average)] for part in parts]
        calculated = [f["event"] for f in stream.story(order["id"]) if _is(f, CALCULATED)][-1]
        told = calculated["account_allocations"]
        assert [part["actual_amount"] for part in told] == [par(part) for part in parts]
        assert {part["fill_price"] for part in told} == {average}


def test_a_part_filled_block_is_split_when_the_rest_is_canceled(product: Product) -> None:
    """A limit ending in .01 is filled by half, and the rest stays at the venue."""
    with on_stage(product) as (desk, stream):
        block = _block("pro_rata_with_averaging", (7000, 2000, 1000), limit_price=98.01)
        order = desk.submit(**block)
        stream.wait(order["id"], "execution")
        stream.wait(order["id"], "allocation_calculate")
        desk.cancel(order["id"])
        allocation = _booked(product, desk, stream, order)
        final = desk.order(order["id"])
        assert (final["status"], final["filled_amount"]) == ("canceled", par(5000))
        price = Decimal("98.01")
        split = [part["actual_amount"]["value"] for part in allocation["account_allocations"]]
        assert sum(split) == 5000
        assert split in ([4000, 1000, 0], [3000, 1000, 1000])
        assert {piece[1] for part in _pieces(allocation) for piece in part} == {price}
        stream.catch_up(desk)
        words = stream.words(order["id"])
        assert words[:5] == [*BEFORE_FILLS, ("order_update", "execution")]
        assert [w for w in words if not w[1].startswith("allocation")][-3:] == [
            ("system_update", "cancel_request"),
            ("order_update", "execution_order_cancel"),
            ("order_update", "cancel"),
        ]
        assert words[-1] == ("order_update", "allocation_approve")


def test_an_account_the_custodian_refuses_does_not_hold_up_the_others(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        block = _block("fifo_without_averaging", (1000, 1000, 1000))
        parts = block["allocations"]["account_allocations"]
        parts[1]["account_id"] = "alpha-rej"
        order = desk.submit(**block)
        rejected = stream.wait(order["id"], "allocation_reject")["event"]
        assert (rejected["code"], rejected["custodian_id"]) == ("ACCOUNT_REJECTED", "cust_bny")
        assert rejected["reason"]

        def others() -> bool:
            _, allocation = desk("GET", f"trading/allocation/{order['allocation_id']}/")
            states = [
                leg["status"] for p in allocation["account_allocations"] for leg in p["bookings"]
            ]
            return states == ["booked", "rejected", "booked"]

        until(others, what="the other accounts to be booked")
        _, allocation = desk("GET", f"trading/allocation/{order['allocation_id']}/")
        assert allocation["status"] == "rejected"
        assert desk.order(order["id"])["status"] == "filled"


def test_an_allocation_can_be_withdrawn_only_before_anything_is_executed(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        waiting = desk.submit(
            **_block("fifo_without_averaging", (1000, 1000, 1000), limit_price=98.5)
        )
        status, answer = desk("DELETE", f"trading/allocation/{waiting['allocation_id']}/")
        assert (status, answer["outcome"]) == (202, "canceled")
        stream.wait(waiting["id"], "allocation_cancel")
        request, canceled = stream.story(waiting["id"])[-2:]
        assert (request["msg_type"], request["event"]["event_type"]) == (
            "system_update",
            "cancel_allocation_request",
        )
        assert canceled["event"]["allocation_id"] == waiting["allocation_id"]
        desk.cancel(waiting["id"])
        desk.until_status(waiting["id"], "canceled")

        done = desk.submit(**_block("fifo_without_averaging", (1000, 1000, 1000)))
        stream.wait(done["id"], "allocation_approve")
        status, answer = desk("DELETE", f"trading/allocation/{done['allocation_id']}/")
        assert (status, answer["outcome"]) == (202, "refused")
        refusal = stream.wait(done["id"], "cancel_allocation_reject")
        assert refusal["msg_type"] == "system_update"
        assert refusal["event"]["code"] == "already_submitted"
