"""Requests for quotes over the running product, with dealers of every character.

Swift is fast and firm, Broad is wide, Lookout takes a second look and refuses above a million,
Fickle moves and leaves, Shy passes, Mute never answers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.journeys.stage import Desk, on_stage
from tests.product import Product, until

RFQ = "trading/rfq/"
SWIFT, BROAD, LOOK, FICKLE = "DLR-SWIFT", "DLR-BROAD", "DLR-LOOK", "DLR-FICKLE"
SHY, MUTE = "DLR-SHY", "DLR-MUTE"


def _staged(desk: Desk, **changes: Any) -> dict[str, Any]:
    return desk.submit(
        **{"bypass_auto_execution": True, "explicit_cancelation_required": True, **changes}
    )


def _ask(desk: Desk, order_id: str, *dealers: str, **more: Any) -> str:
    status, rfq = desk("POST", RFQ, {"order_id": order_id, "dealers": list(dealers), **more})
    assert status == 202, rfq
    return str(rfq["id"])


def _rfq(desk: Desk, rfq_id: str) -> dict[str, Any]:
    status, rfq = desk("GET", f"{RFQ}{rfq_id}/")
    assert status == 200
    return dict(rfq)


def _answered(desk: Desk, rfq_id: str, count: int) -> dict[str, dict[str, Any]]:
    """The latest answer of each dealer, once there are so many."""

    def found() -> dict[str, Any] | None:
        latest = {quote["dealer_id"]: quote for quote in _rfq(desk, rfq_id)["quotes"]}
        return latest if len(latest) >= count else None

    return dict(until(found, seconds=60, what=f"{count} answers to {rfq_id}"))


def _hit(desk: Desk, order_id: str, quote: dict[str, Any], par: int) -> tuple[int, Any]:
    path = f"trading/order/{order_id}/execution-order/rfq/manual/"
    return desk("POST", path, {"quote_id": quote["id"], "amount": {"par": par}})


def _until_rfq(desk: Desk, rfq_id: str, status: str, *, seconds: float = 60) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        rfq = _rfq(desk, rfq_id)
        return rfq if rfq["status"] == status else None

    return dict(until(reached, seconds=seconds, what=f"{rfq_id} to be {status}"))


def test_dealers_are_asked_one_is_hit_and_its_fill_is_the_orders(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _staged(desk)
        rfq_id = _ask(desk, order["id"], SWIFT, BROAD, SHY, MUTE)
        answers = _answered(desk, rfq_id, 3)
        assert answers[SHY]["status"] == "passed"
        assert answers[SWIFT]["price"] < answers[BROAD]["price"]
        status, made = _hit(desk, order["id"], answers[SWIFT], 3000)
        assert (status, made["status"]) == (202, "pending_execution")
        filled = desk.until_status(order["id"], "filled")
        assert filled["filled_avg_price"]["pop"] == answers[SWIFT]["price"]
        stream.wait(order["id"], "rfq_execute", seconds=30)
        words = [frame["event"]["event_type"] for frame in stream.story(order["id"])]
        asked = [word for word in words if word.startswith(("rfq", "execution"))]
        assert asked[:2] == ["rfq_request", "rfq_create"]
        assert asked[-1] == "rfq_execute" or asked[-2:] == ["rfq_execute", "execution"]
        assert asked.index("rfq_quote_hit") < asked.index("execution")
        done = _rfq(desk, rfq_id)
        assert done["status"] == "executed"
        assert {q["dealer_id"]: q["status"] for q in done["quotes"]} == {
            SWIFT: "done",
            BROAD: "cover",
            SHY: "passed",
        }
        traded = stream.wait(order["id"], "rfq_execute")
        assert traded["event"]["silent"] == [MUTE]


def test_a_last_look_refusal_leaves_the_other_quotes_to_hit(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _staged(desk, amount={"par": 2_000_000})
        rfq_id = _ask(desk, order["id"], SWIFT, LOOK)
        answers = _answered(desk, rfq_id, 2)
        assert answers[LOOK]["price"] < answers[SWIFT]["price"]
        assert _hit(desk, order["id"], answers[LOOK], 2_000_000)[0] == 202
        # While the dealer decides nothing else of the inquiry can be hit or canceled.
        status, error = _hit(desk, order["id"], answers[SWIFT], 2_000_000)
        assert (status, error["code"]) == (409, "quote_taken")
        status, answer = desk("DELETE", f"{RFQ}{rfq_id}/")
        assert (status, answer["outcome"]) == (202, "refused")
        stream.wait(order["id"], "rfq_quote_reject")
        assert desk.order(order["id"])["status"] == "pending_execution"
        assert _rfq(desk, rfq_id)["status"] == "quoting"
        assert _hit(desk, order["id"], answers[SWIFT], 2_000_000)[0] == 202
        desk.until_status(order["id"], "filled")


def test_a_changed_and_a_withdrawn_quote_cannot_be_hit(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _staged(desk)
        rfq_id = _ask(desk, order["id"], FICKLE)
        first = _answered(desk, rfq_id, 1)[FICKLE]
        moved = stream.wait(order["id"], "rfq_quote", nth=2)["event"]
        assert moved["replaces"] == first["id"]
        status, error = _hit(desk, order["id"], first, 3000)
        assert (status, error["code"]) == (409, "quote_changed")
        stream.wait(order["id"], "rfq_quote_withdraw")
        status, error = _hit(desk, order["id"], moved["quote"], 3000)
        assert (status, error["code"]) == (409, "quote_canceled")
        assert desk.order(order["id"])["status"] == "pending_execution"


def test_a_counter_is_met_half_way(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _staged(desk)
        rfq_id = _ask(desk, order["id"], BROAD)
        quote = _answered(desk, rfq_id, 1)[BROAD]
        asked = quote["price"] - Decimal("0.1")
        status, shown = desk(
            "POST", f"{RFQ}{rfq_id}/quote/{quote['id']}/counter/", {"price": str(asked)}
        )
        assert (status, shown["status"]) == (202, "countered")
        better = stream.wait(order["id"], "rfq_quote", nth=2)["event"]["quote"]
        assert (better["round"], better["price"]) == (2, quote["price"] - Decimal("0.05"))


def test_autoex_hits_by_itself_and_leaves_by_its_exit_criterion(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _staged(desk)
        made = desk.execute(
            order["id"],
            "rfq/autoex",
            amount={"par": 3000},
            dealers=[SWIFT, BROAD],
            execution_criteria={"min_quotes": 2},
            skip_lob_quotes=True,
        )
        assert made["strategy"] == "auto_ex"
        desk.until_status(order["id"], "filled")
        hit = stream.wait(order["id"], "rfq_quote_hit")
        assert hit["event"]["quote"]["dealer_id"] == SWIFT
        other = _staged(desk)
        desk.execute(
            other["id"],
            "rfq/autoex",
            amount={"par": 3000},
            dealers=[SHY, MUTE],
            exit_criteria={"fallback": "sor", "max_duration_s": 2},
        )
        desk.until_status(other["id"], "filled")
        assert {e["venue"] for e in desk.executions(other["id"])} <= {"SIMA", "SIMB"}


def test_a_venue_that_refuses_inquiries_ends_them(product: Product) -> None:
    with on_stage(product) as (desk, _):
        order = _staged(desk, instrument_id="91502PAP1", amount={"par": 5000}, limit_price=101.25)
        rfq_id = _ask(desk, order["id"], SWIFT)
        refused = _until_rfq(desk, rfq_id, "rejected")
        assert refused["reason"] == "no inquiries in this security"


def test_quotes_of_bin_bidding_come_when_they_are_due(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _staged(desk)
        now = stream.wait(order["id"], "approve")["event"]["time"]
        due = datetime.fromisoformat(now) + timedelta(seconds=4)
        rfq_id = _ask(desk, order["id"], SWIFT, LOOK, bidding="bin", due_time=due.isoformat())
        answers = _answered(desk, rfq_id, 2)
        assert all(datetime.fromisoformat(q["received_at"]) >= due for q in answers.values())


def test_the_books_agree_after_all_of_this(product: Product) -> None:
    proof = product.manage("check_books", check=False)
    assert proof.returncode == 0, proof.stdout
