"""Flagged orders: held, decided by a second pair of eyes, or withdrawn (guide, "Review & Release").

Alpha flags limits more than 5 % off the reference price (99.25) and rejects those over 20 %.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.journeys.stage import ROUTED, Desk, fresh, on_stage
from tests.product import Product

FLAGGED = [("order_update", "request"), ("order_update", "flagged_for_review")]
FAR = 110.5  # bought at the offer all the same
_BOTH_ROLES = """
from oms_site.firm.models import ApiKey, User, digest
from oms_site.kit import clock
from tests import hiring
user = User.objects.filter(username="alpha_both").first() or hiring.hire(
    "alpha_both", of="alpha", roles=["trader", "compliance"])
token = "oems_test_alpha_both"
ApiKey.objects.get_or_create(digest=digest(token), defaults={
    "user": user, "prefix": token, "sandbox": True, "created_at": clock.machine_now()})
"""


def _flagged(desk: Desk, **changes: Any) -> dict[str, Any]:
    order = desk.submit(limit_price=FAR, client_order_id=fresh(), **changes)
    assert order["status"] == "pending_approval"
    return order


def _decide(desk: Desk, order_id: str, word: str, **body: Any) -> tuple[int, Any]:
    return desk("POST", f"trading/order/{order_id}/{word}/", body)


def test_a_flagged_order_says_so_as_the_guide_shows_and_goes_nowhere(product: Product) -> None:
    with on_stage(product) as (desk, stream):
        order = _flagged(desk)
        frame = stream.wait(order["id"], "flagged_for_review")
        assert frame["msg_type"] == "order_update"
        assert frame["order"]["id"] == order["id"]
        assert frame["order"]["status"] == "pending_approval"
        assert frame["event_id"].startswith("evt_")
        event = frame["event"]
        assert datetime.fromisoformat(event["time"]).tzinfo is not None
        assert event["order_id"] == order["id"]
        assert event["client_order_id"] == order["client_order_id"]
        (failed,) = event["failed_controls"]
        assert "110.5" in failed["control_message"]
        # No execution order is made while it waits, by the rules or by hand.
        status, refused = desk(
            "POST",
            f"trading/order/{order['id']}/execution-order/lob/sor/",
            {"quantity": {"par": 3000}},
        )
        assert (status, refused["code"]) == (409, "order_not_executable")
        _, waiting = desk("GET", "trading/review/")
        assert order["id"] in [review["order_id"] for review in waiting["reviews"]]
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *FLAGGED,
            ("system_update", "execution_order_request"),
            ("system_update", "execution_order_reject"),
        ]
        desk.cancel(order["id"])


def test_compliance_releases_an_order_and_it_goes_its_way(product: Product) -> None:
    with on_stage(product) as (desk, stream), Desk(product, "alpha_compliance") as compliance:
        order = _flagged(desk)
        decision = {
            "annotation": "Approved per desk head",
            "client_manual_approve_id": fresh("ma"),
        }
        status, answer = _decide(compliance, order["id"], "approve", **decision)
        assert (status, answer["order"]["status"]) == (202, "pending_execution")
        stream.wait(order["id"], "execution")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *FLAGGED,
            ("system_update", "manual_approve_request"),
            *ROUTED[1:],
            ("order_update", "execution"),
        ]
        request = stream.wait(order["id"], "manual_approve_request")
        assert "order" not in request
        assert request["event"] == {
            "event_type": "manual_approve_request",
            "time": request["event"]["time"],
            "order_id": order["id"],
            "client_order_id": order["client_order_id"],
            "manual_approve_id": answer["manual_approve_id"],
            **decision,
        }
        approved = stream.wait(order["id"], "approve")
        assert approved["order"]["status"] == "pending_execution"
        assert desk.order(order["id"])["status"] == "filled"
        # The same decision again is the same decision.
        status, again = _decide(compliance, order["id"], "approve", **decision)
        assert (status, again["order"]["status"]) == (202, "filled")
        stream.catch_up(desk)
        assert len(stream.words(order["id"])) == len(FLAGGED) + 1 + 3


def test_a_trader_may_not_release_and_nobody_releases_his_own(product: Product) -> None:
    product.manage("shell", "-c", _BOTH_ROLES)
    with on_stage(product) as (desk, stream), Desk(product, "alpha_both") as both:
        order = _flagged(both)
        for caller, code in ((desk, "not_entitled"), (both, "self_approval")):
            status, refused = _decide(caller, order["id"], "approve", annotation="I think so")
            assert (status, refused["code"]) == (403, code)
        stream.catch_up(desk)
        tried = [
            ("system_update", "manual_approve_request"),
            ("system_update", "manual_approve_fail"),
        ]
        assert stream.words(order["id"]) == [*FLAGGED, *tried, *tried]
        reasons = [f["event"].get("reason") for f in stream.story(order["id"])]
        assert reasons[3::2] == ["not_entitled", "self_approval"]
        assert desk.order(order["id"])["status"] == "pending_approval"
        with Desk(product, "alpha_compliance") as compliance:
            status, refused = _decide(compliance, order["id"], "approve")
            assert (status, refused["code"]) == (422, "annotation_required")
            status, _ = _decide(compliance, order["id"], "reject", annotation="no")
            assert status == 202


def test_compliance_rejects_an_order(product: Product) -> None:
    with on_stage(product) as (desk, stream), Desk(product, "alpha_compliance") as compliance:
        order = _flagged(desk)
        client_id = fresh("mr")
        status, answer = _decide(
            compliance,
            order["id"],
            "reject",
            annotation="Not at this price",
            client_manual_reject_id=client_id,
        )
        assert (status, answer["order"]["status"]) == (202, "rejected")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *FLAGGED,
            ("system_update", "manual_reject_request"),
            ("order_update", "reject"),
        ]
        request, rejected = stream.story(order["id"])[2:]
        assert request["event"]["manual_reject_id"] == answer["manual_reject_id"]
        assert request["event"]["client_manual_reject_id"] == client_id
        assert rejected["event"]["reason"] == "Not at this price"
        assert desk.order(order["id"])["status"] == "rejected"
        # Over is over: it is neither released nor canceled any more.
        status, refused = _decide(compliance, order["id"], "approve", annotation="after all")
        assert (status, refused["code"]) == (409, "order_not_pending_approval")
        assert desk.cancel(order["id"])["code"] == 0


def test_an_order_can_be_canceled_while_it_is_held(product: Product) -> None:
    with on_stage(product) as (desk, stream), Desk(product, "alpha_compliance") as compliance:
        order = _flagged(desk)
        assert desk.cancel(order["id"])["outcome"] == "canceled"
        status, refused = _decide(compliance, order["id"], "approve", annotation="too late")
        assert (status, refused["code"]) == (409, "order_not_pending_approval")
        stream.catch_up(desk)
        assert stream.words(order["id"]) == [
            *FLAGGED,
            ("system_update", "cancel_request"),
            ("order_update", "cancel"),
            ("system_update", "manual_approve_request"),
            ("system_update", "manual_approve_fail"),
        ]
        assert desk.order(order["id"])["status"] == "canceled"
        _, waiting = desk("GET", "trading/review/")
        assert order["id"] not in [review["order_id"] for review in waiting["reviews"]]


@pytest.mark.parametrize(("user", "price"), [("alpha_trader", 130), ("beta_trader", FAR)])
def test_a_hard_control_rejects_at_once(product: Product, user: str, price: float) -> None:
    """Beta's controls all reject: nothing of its is ever held (guide)."""
    account = {"account_id": "beta-001"} if user.startswith("beta") else {}
    with on_stage(product, user) as (desk, stream):
        order = desk.submit(limit_price=price, **account)
        assert order["status"] == "rejected"
        frame = stream.wait(order["id"], "reject")
        assert stream.words(order["id"]) == [
            ("order_update", "request"),
            ("order_update", "reject"),
        ]
        assert frame["event"]["rejected_by"] == "control"
        assert frame["event"]["failed_controls"]
        assert order["rejection"]["code"] == frame["event"]["code"]
