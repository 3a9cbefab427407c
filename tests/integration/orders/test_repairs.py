"""A refused booking goes elsewhere when two people agree, and never while it may be booked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from allocations import repairs
from allocations.models import BookingLeg, Repair
from oms_site.journal import actors, unit
from oms_site.kit.errors import OmsError
from orders import lots
from tests import trading
from tests.client import Api


@pytest.fixture
def leg(sandbox: datetime) -> BookingLeg:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    lots.drain()
    return BookingLeg.objects.get()


def refuse(leg: BookingLeg, at: datetime, *, how: str = "reject") -> None:
    with unit.work(by=actors.system("test"), at=at) as work:
        row = work.lock(BookingLeg, [leg.id])[leg.id]
        row.send(retry_at=at)
        getattr(row, how)(code="NO", reason="not here")
        work.record(row, "leg_rejected", body={})


def test_two_people_have_a_refused_booking_made_elsewhere(
    leg: BookingLeg, sandbox: datetime
) -> None:
    refuse(leg, sandbox)
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    asked = repairs.request(
        leg.id, reason="Moved.", custodian_id="cust_bny", account_id="alpha-004", by=ops, at=sandbox
    )
    with pytest.raises(OmsError) as refusal:
        repairs.decide(asked.id, approve=True, by=ops, at=sandbox)
    assert refusal.value.code == "same_person"
    repairs.decide(asked.id, approve=True, by=admin, at=sandbox)
    old, new = BookingLeg.objects.order_by("sequence")
    assert (old.status, new.status) == ("canceled", "queued")
    assert (new.custodian_id, new.booked_account_id) == ("cust_bny", "alpha-004")
    same = ("qty", "net_money", "source_ids", "account_allocation_id")
    assert all(getattr(old, name) == getattr(new, name) for name in same)
    assert new.allocation.status == "submitted"
    with pytest.raises(OmsError) as refusal:
        repairs.decide(asked.id, approve=True, by=admin, at=sandbox)
    assert refusal.value.code == "already_decided"


def test_what_may_be_booked_already_is_not_booked_elsewhere(
    leg: BookingLeg, sandbox: datetime
) -> None:
    refuse(leg, sandbox, how="fail")
    with pytest.raises(OmsError) as refusal:
        repairs.request(
            leg.id,
            reason="Moved.",
            custodian_id="cust_bny",
            by=trading.person("alpha_ops"),
            at=sandbox,
        )
    assert refusal.value.code == "leg_in_doubt"


def test_a_refused_repair_leaves_the_booking_where_it_was(
    leg: BookingLeg, sandbox: datetime
) -> None:
    refuse(leg, sandbox)
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    asked = repairs.request(leg.id, reason="Moved.", custodian_id="cust_bny", by=ops, at=sandbox)
    repairs.decide(asked.id, approve=False, note="No.", by=admin, at=sandbox)
    assert Repair.objects.get().status == "refused"
    assert BookingLeg.objects.get().status == "rejected"


def test_the_api_answers_for_each_booking_and_refuses_strangers(
    leg: BookingLeg, sandbox: datetime, api: Callable[[str], Api]
) -> None:
    refuse(leg, sandbox)
    status, body = api("alpha_trader").post("/v1/ops/booking/retry/", {"booking_ids": [leg.id]})
    assert status == 403
    asked: Any = {"booking_ids": [leg.id, "bl_none", leg.id]}
    status, body = api("alpha_ops").post("/v1/ops/booking/retry/", asked)
    assert status == 200
    outcomes = [(one["outcome"], one["code"]) for one in body["results"]]
    assert outcomes[0] == ("queued", "")
    assert [outcome for outcome, _ in outcomes[1:]] == ["refused", "refused"]
    assert outcomes[2][1] == "leg_not_retryable"
