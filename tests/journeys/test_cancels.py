"""Cancels and their races with the venue (guide, "Canceling Orders"; CxlRejReason 102).

Limit prices choose what the simulated venue does: .03 fills while a cancel is on its way, .04
acknowledges two seconds late, .5 rests.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.journeys.stage import APPROVED, ROUTED, Desk, Stream, on_stage, par
from tests.product import Product

REQUESTED = ("system_update", "cancel_request")
REFUSED = ("system_update", "cancel_reject")
EO_REQUESTED = ("system_update", "execution_order_cancel_request")
EO_REFUSED = ("system_update", "execution_order_cancel_reject")
EO_CANCELED = ("order_update", "execution_order_cancel")
CANCELED = ("order_update", "cancel")
EO_MADE = [
    ("system_update", "execution_order_request"),
    ("order_update", "execution_order_create"),
]
RESTS, FILLS_ON_CANCEL, LATE = 98.5, 98.03, 98.04


def _resting(desk: Desk, stream: Stream, **changes: Any) -> dict[str, Any]:
    order = desk.submit(**{"limit_price": RESTS, **changes})
    stream.wait(order["id"], "execution_order_create")
    return order


def _cancel_part(desk: Desk, order_id: str, row_id: str) -> dict[str, Any]:
    status, answer = desk("DELETE", f"trading/order/{order_id}/execution-order/{row_id}/")
    assert status == 202
    return dict(answer)


def test_a_resting_order_is_canceled_once_its_venue_says_so(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _resting(desk, stream)
        answer = desk.cancel(order["id"])
        assert answer["outcome"] == "pending"
        done = stream.wait(order["id"], "cancel")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [*ROUTED, REQUESTED, EO_CANCELED, CANCELED]
        request = stream.wait(order["id"], "cancel_request")
        assert "order" not in request
        assert request["event"]["cancel_request_id"] == answer["cancel_request_id"]
        assert done["order"]["status"] == "canceled"
        final = desk.order(order["id"])
        assert (final["status"], final["leaves_amount"]) == ("canceled", par(0))
        assert final["canceled_at"]
        # A cancel of what is over is refused: too late.
        late = desk.cancel(order["id"])
        assert (late["outcome"], late["code"]) == ("refused", 0)
        stream.catch_up(desk)
        assert stream.words(order["id"])[-2:] == [REQUESTED, REFUSED]
        assert stream.story(order["id"])[-1]["event"]["code"] == 0


def test_a_second_cancel_is_refused_while_the_first_is_pending(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _resting(desk, stream, limit_price=LATE)
        assert desk.cancel(order["id"])["outcome"] == "pending"
        second = desk.cancel(order["id"])
        assert (second["outcome"], second["code"]) == ("refused", 3)
        waiting = desk.order(order["id"])
        assert (waiting["status"], waiting["pending"]) == ("pending_execution", "cancel")
        stream.wait(order["id"], "cancel")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *ROUTED,
            REQUESTED,
            REQUESTED,
            REFUSED,
            EO_CANCELED,
            CANCELED,
        ]
        refusal = stream.wait(order["id"], "cancel_reject")["event"]
        assert refusal["code"] == 3
        assert refusal["cancel_request_id"] == second["cancel_request_id"]


def test_a_fill_beats_a_cancel_that_is_on_its_way(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _resting(desk, stream, limit_price=FILLS_ON_CANCEL)
        assert desk.cancel(order["id"])["outcome"] == "pending"
        refusal = stream.wait(order["id"], "cancel_reject")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *ROUTED,
            REQUESTED,
            ("order_update", "execution"),
            REFUSED,
        ]
        assert refusal["event"]["code"] == 0
        final = desk.order(order["id"])
        assert (final["status"], final["pending"]) == ("filled", None)
        assert final["filled_amount"] == par(3000)


def test_a_filled_order_cannot_be_canceled(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit()
        stream.wait(order["id"], "execution")
        answer = desk.cancel(order["id"])
        assert (answer["outcome"], answer["code"]) == ("refused", 0)
        stream.catch_up(desk)
        assert stream.words(order["id"])[-2:] == [REQUESTED, REFUSED]
        assert desk.order(order["id"])["status"] == "filled"


def test_an_order_of_nobody_cannot_be_canceled(product: Product) -> None:
    with Desk(product) as desk:
        status, refused = desk("DELETE", "trading/order/mo_000000000000000000000/")
        assert (status, refused["error_type"]) == (404, "not_found")


def test_many_cancels_at_once_are_one_cancel(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _resting(desk, stream, limit_price=LATE)
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: desk.cancel(order["id"]), range(20)))
        outcomes = sorted(answer["outcome"] for answer in answers)
        assert outcomes == ["pending"] + ["refused"] * 19
        assert {answer["code"] for answer in answers if "code" in answer} == {3}
        stream.wait(order["id"], "cancel")
        stream.catch_up(desk)
        words = stream.words(order["id"])
        assert (words.count(REQUESTED), words.count(REFUSED), words.count(CANCELED)) == (20, 19, 1)


def test_the_end_of_its_only_execution_order_cancels_the_order(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(limit_price=RESTS, bypass_auto_execution=True)
        row = desk.execute(order["id"], "lob/sor", quantity={"par": 3000})
        assert _cancel_part(desk, order["id"], row["id"])["outcome"] == "pending"
        done = stream.wait(order["id"], "cancel")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *APPROVED,
            *EO_MADE,
            EO_REQUESTED,
            EO_CANCELED,
            CANCELED,
        ]
        assert done["event"]["reason"] == "execution_order_canceled"
        assert desk.order(order["id"])["status"] == "canceled"


def test_with_explicit_cancelation_the_order_outlives_its_execution_order(
    product: Product,
) -> None:
    with on_stage(product) as (desk, stream):
        order = _resting(desk, stream, explicit_cancelation_required=True)
        (row,) = desk.order(order["id"])["execution_orders"]
        _cancel_part(desk, order["id"], row["id"])
        ended = stream.wait(order["id"], "execution_order_cancel")
        assert ended["order"]["status"] == "pending_execution"
        again = _cancel_part(desk, order["id"], row["id"])
        assert (again["outcome"], again["code"]) == ("refused", 0)
        # It can be worked again, and ends only when its client says so.
        desk.execute(order["id"], "lob/sor", quantity={"par": 3000})
        assert desk.cancel(order["id"])["outcome"] == "pending"
        stream.wait(order["id"], "cancel")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *ROUTED,
            EO_REQUESTED,
            EO_CANCELED,
            EO_REQUESTED,
            EO_REFUSED,
            *EO_MADE,
            REQUESTED,
            EO_CANCELED,
            CANCELED,
        ]


def test_one_of_two_execution_orders_does_not_take_the_order_with_it(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(limit_price=RESTS, bypass_auto_execution=True)
        first = desk.execute(order["id"], "lob/sor", quantity={"par": 1000})
        desk.execute(order["id"], "lob/sor", quantity={"par": 2000})
        _cancel_part(desk, order["id"], first["id"])
        stream.wait(order["id"], "execution_order_cancel")
        stream.catch_up(desk)
        assert CANCELED not in stream.words(order["id"])
        states = [row["status"] for row in desk.order(order["id"])["execution_orders"]]
        assert states == ["canceled", "pending_execution"]
        assert desk.cancel(order["id"])["outcome"] == "pending"
        stream.wait(order["id"], "cancel")


def test_an_execution_order_filled_in_the_race_says_that_its_cancel_came_too_late(
    product: Product,
) -> None:
    with on_stage(product) as (desk, stream):
        order = desk.submit(limit_price=FILLS_ON_CANCEL, bypass_auto_execution=True)
        row = desk.execute(order["id"], "lob/sor", quantity={"par": 1000})
        asked = _cancel_part(desk, order["id"], row["id"])
        refusal = stream.wait(order["id"], "execution_order_cancel_reject")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *APPROVED,
            *EO_MADE,
            EO_REQUESTED,
            ("order_update", "execution"),
            EO_REFUSED,
        ]
        assert asked["outcome"] == "pending"
        assert refusal["event"]["code"] == 0
        assert refusal["event"]["execution_order_id"] == row["id"]
        assert desk.order(order["id"])["status"] == "partially_filled"
        assert desk.cancel(order["id"])["outcome"] == "canceled"


def test_what_was_not_being_worked_is_canceled_when_the_rest_is_filled_in_the_race(
    product: Product,
) -> None:
    """The venue fills the third it had; the cancel still holds for what it never had."""
    with on_stage(product) as (desk, stream):
        order = desk.submit(limit_price=FILLS_ON_CANCEL, bypass_auto_execution=True)
        desk.execute(order["id"], "lob/sor", quantity={"par": 1000})
        assert desk.cancel(order["id"])["outcome"] == "pending"
        stream.wait(order["id"], "cancel")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *APPROVED,
            *EO_MADE,
            REQUESTED,
            ("order_update", "execution"),
            CANCELED,
        ]
        final = desk.order(order["id"])
        assert (final["status"], final["pending"]) == ("canceled", None)
        assert (final["filled_amount"], final["leaves_amount"]) == (par(1000), par(0))
