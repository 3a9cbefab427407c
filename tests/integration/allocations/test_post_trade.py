"""Orders sent without saying for whom: entered by one, decided by another, split to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from allocations import holdings
from allocations.models import (
    Account,
    Allocation,
    BookingLeg,
    Movement,
    PostTradeEntry,
    ReleaseRule,
)
from oms_site.firm import generation
from oms_site.journal.models import Event
from orders import lots, routing
from orders.models import Order, VenueOrder
from tests import policies, trading
from tests.client import Api
from venues import instruments

D = trading.D
HOUSE = "suspense:alpha"
SPLIT = {
    "strategy": "pro_rata_with_averaging",
    "account_allocations": [
        {"account_id": "ALPHA-002", "requested_amount": {"par": 5000}},
        {"account_id": "alpha-003", "requested_amount": {"par": 3000}},
        {"account_id": "alpha-004", "requested_amount": {"par": 2000}},
    ],
    "reason": "The client's own split came by phone after the fill.",
}


@pytest.fixture
def allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    generation.check()


def executed(qty: int = 10_000) -> VenueOrder:
    child = trading.routed(qty=D(10_000), account_id=None)
    trading.receive(trading.fill(child, qty, cum=qty))
    return child


def bond() -> int:
    found = instruments.find(trading.BOND)
    assert found is not None
    return found.id


def held(*accounts: str) -> list[D]:
    found = holdings.positions(accounts)
    return [found.get((account, bond()), D(0)) for account in accounts]


def test_the_guides_policy_refuses_entry_after_the_trade(api: Callable[[str], Api]) -> None:
    order_id = trading.submit()
    status, body = api("alpha_trader").post(f"/v1/trading/order/{order_id}/allocate/", SPLIT)
    assert (status, body["code"]) == (409, "post_trade_allocation_disabled")


def test_two_people_split_what_was_executed_for_nobody_yet(
    allowed: None, api: Callable[[str], Api]
) -> None:
    child = executed()
    lots.drain()
    # Nobody is named, so nothing is split: all of it lies in suspense, visibly.
    assert held(HOUSE, "alpha-002") == [10_000, 0]
    path = f"/v1/trading/order/{child.order_id}/allocate/"
    status, entry = api("alpha_trader").post(path, SPLIT)
    assert (status, entry["status"], entry["filled_amount"]) == (202, "requested", 10_000)
    assert not Allocation.objects.exists()
    decide = f"/v1/trading/allocation-entry/{entry['id']}/approve/"
    assert api("alpha_trader").post(decide, {"annotation": "ok"})[0] == 403
    status, body = api("alpha_compliance").post(decide, {"annotation": "Seen the recording."})
    assert (status, body["status"]) == (200, "approved")
    lots.drain()
    assert held(HOUSE, "alpha-002", "alpha-003", "alpha-004") == [0, 5000, 3000, 2000]
    # 10000 par at 99.4 = 9940.00 principal; 50/30/20 % of it is 4970.00, 2982.00, 1988.00.
    legs = BookingLeg.objects.order_by("account_allocation__position")
    assert [leg.principal for leg in legs] == [D("4970.00"), D("2982.00"), D("1988.00")]
    allocation = Allocation.objects.get()
    assert allocation.entry_id == entry["id"]
    # Whoever asked finds by the entry what it has made, and nothing before.
    assert (entry["allocation_id"], body["allocation_id"]) == (None, allocation.id)
    _, page = api("alpha_trader").get("/v1/trading/allocation-entry/")
    assert [one["allocation_id"] for one in page["entries"]] == [allocation.id]
    status, body = api("alpha_compliance2").post(decide, {"annotation": "again"})
    assert (status, body["code"]) == (409, "already_decided")
    told = Event.objects.filter(order_id=child.order_id, event_type__startswith="post_trade")
    assert [e.event_type for e in told.order_by("id")] == [
        "post_trade_request",
        "post_trade_approve",
    ]


def test_who_entered_it_does_not_decide_whatever_his_roles(
    allowed: None, api: Callable[[str], Api]
) -> None:
    child = executed()
    path = f"/v1/trading/order/{child.order_id}/allocate/"
    _, entry = api("alpha_ops").post(path, SPLIT)
    decide = f"/v1/trading/allocation-entry/{entry['id']}/approve/"
    status, body = api("alpha_ops").post(decide, {"annotation": "mine"})
    assert (status, body["code"]) == (403, "maker_is_checker")
    with pytest.raises(IntegrityError, match="maker_is_not_checker"), transaction.atomic():
        PostTradeEntry.objects.filter(id=entry["id"]).update(
            status="approved",
            checker_id=PostTradeEntry.objects.get().maker_id,
            decided_at=PostTradeEntry.objects.get().requested_at,
            version=9,
        )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": " "}, "reason_required"),
        ({"strategy": "by_favor"}, "strategy_unknown"),
        ({"account_allocations": SPLIT["account_allocations"][:2]}, "allocation_sum_mismatch"),
        ({"custodian_id": "cust_nobody"}, "custodian_not_found"),
        (
            {
                "account_allocations": [
                    {"account_id": "alpha-suspended", "requested_amount": {"par": 10000}}
                ]
            },
            "account_not_active",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    allowed: None, api: Callable[[str], Api], change: dict[str, Any], code: str
) -> None:
    child = executed()
    path = f"/v1/trading/order/{child.order_id}/allocate/"
    status, body = api("alpha_trader").post(path, {**SPLIT, **change})
    assert (status, body["code"]) == (422, code)
    assert not PostTradeEntry.objects.exists()


def test_an_order_that_said_for_whom_it_is_keeps_its_basis(
    allowed: None, api: Callable[[str], Api]
) -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    path = f"/v1/trading/order/{child.order_id}/allocate/"
    status, body = api("alpha_trader").post(path, SPLIT)
    assert (status, body["code"]) == (409, "allocation_basis_fixed")


def test_a_second_entry_waits_for_the_first_and_a_refused_one_leaves_no_trace_in_holdings(
    allowed: None, api: Callable[[str], Api]
) -> None:
    child = executed()
    path = f"/v1/trading/order/{child.order_id}/allocate/"
    _, entry = api("alpha_trader").post(path, SPLIT)
    assert api("alpha_trader").post(path, SPLIT)[1]["code"] == "entry_open"
    refuse = f"/v1/trading/allocation-entry/{entry['id']}/reject/"
    assert api("alpha_compliance").post(refuse, {"annotation": "No recording."})[0] == 200
    lots.drain()
    assert held(HOUSE, "alpha-002") == [10_000, 0]
    assert api("alpha_trader").post(path, SPLIT)[0] == 202
    _, listed = api("alpha_trader").get("/v1/trading/allocation-entry/?limit=1")
    assert (len(listed["entries"]), listed["has_more"]) == (1, True)
    _, rest = api("alpha_trader").get(
        f"/v1/trading/allocation-entry/?limit=1&cursor={listed['next_cursor']}"
    )
    assert {listed["entries"][0]["status"], rest["entries"][0]["status"]} == {
        "requested",
        "refused",
    }
    assert api("beta_trader").get("/v1/trading/allocation-entry/")[1]["entries"] == []


def test_an_order_that_still_works_is_split_as_it_fills(
    allowed: None, api: Callable[[str], Api]
) -> None:
    order_id = trading.submit(qty=D(10_000), account_id=None)
    routing.drain()
    child = VenueOrder.objects.get(order_id=order_id)
    trading.receive(trading.fill(child, 4000, cum=4000))
    _, entry = api("alpha_trader").post(f"/v1/trading/order/{order_id}/allocate/", SPLIT)
    approve = f"/v1/trading/allocation-entry/{entry['id']}/approve/"
    api("alpha_compliance").post(approve, {"annotation": "ok"})
    trading.receive(trading.fill(child, 6000, cum=10_000, last_px=D("99.5")))
    lots.drain()
    assert held(HOUSE, "alpha-002", "alpha-003", "alpha-004") == [0, 5000, 3000, 2000]
    total = sum((leg.net_money for leg in BookingLeg.objects.all()), D(0))
    cash = holdings.cash(["alpha-002", "alpha-003", "alpha-004"]).values()
    assert sum((one.traded for one in cash), D(0)) == -total


def test_the_database_refuses_an_allocation_whose_entry_nobody_approved(
    allowed: None, api: Callable[[str], Api]
) -> None:
    child = executed()
    path = f"/v1/trading/order/{child.order_id}/allocate/"
    _, entry = api("alpha_trader").post(path, SPLIT)
    with pytest.raises(IntegrityError, match="second person"), transaction.atomic():
        allocate_without_a_yes(child.order_id, entry["id"])


def allocate_without_a_yes(order_id: str, entry_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO allocations_allocation (id, organization_id, version, order_id, strategy,"
            " implicit, instrument_id, side, requested_qty, created_at, status, actual_qty,"
            " complete, code, reason, revision, release, entry_id) VALUES ('al_x', 'alpha', 1, %s,"
            " 'flat', false, %s, 'buy', 10000, now(), 'created', 0, false, '', '', 0, '', %s)",
            [order_id, bond(), entry_id],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_template_splits_a_ticket_and_an_entry(allowed: None, api: Callable[[str], Api]) -> None:
    thirds = [
        {"account_id": f"ALPHA-00{n}", "percent": p}
        for n, p in ((2, "33.3334"), (3, "33.3333"), (4, "33.3333"))
    ]
    path = "/v1/trading/allocation-template/thirds/"
    body = {"strategy": "percentage", "shares": thirds}
    status, made = api("alpha_trader")("PUT", path, body)
    assert (status, len(made["shares"])) == (200, 3)
    ask = {"amount": 10_000, "instrument_id": trading.BOND}
    _, shown = api("alpha_trader").post(f"{path}preview/", ask)
    values = [one["requested_amount"]["value"] for one in shown["account_allocations"]]
    # Steps of 1000: 3333.34 → 3000 each, the last step to the largest share.
    assert values == [4000, 3000, 3000]
    child = executed()
    status, entry = api("alpha_trader").post(
        f"/v1/trading/order/{child.order_id}/allocate/", {"template": "thirds", "reason": "late"}
    )
    assert (status, entry["strategy"], entry["requested_amount"]) == (202, "percentage", 10_000)
    short = {**body, "shares": thirds[:2]}
    assert api("alpha_trader")("PUT", path, short)[1]["code"] == "template_not_whole"
    assert api("alpha_auditor")("PUT", path, body)[0] == 403
    assert api("beta_trader").get("/v1/trading/allocation-template/")[1]["templates"] == []
    assert api("alpha_trader").delete(path)[0] == 204
    assert api("alpha_trader").get("/v1/trading/allocation-template/")[1]["templates"] == []


def test_bookings_held_by_a_rule_go_once_when_a_person_says_so(
    sandbox: datetime, api: Callable[[str], Api]
) -> None:
    ReleaseRule.objects.create(organization_id="alpha", name="all by hand", release="hand")
    generation.check()
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    lots.drain()
    allocation = Allocation.objects.get()
    assert allocation.actual_qty == 3000
    assert not BookingLeg.objects.exists()
    path = f"/v1/trading/allocation/{allocation.id}/release/"
    assert api("alpha_trader").post(path)[0] == 403
    assert api("alpha_ops").post(path)[0] == 202
    lots.drain()
    assert BookingLeg.objects.get().qty == 3000
    status, body = api("alpha_ops").post(path)
    assert (status, body["code"]) == (409, "already_released")
    assert Event.objects.filter(event_type="allocation_release").count() == 1


def test_a_rule_books_what_is_listed_at_the_close_and_not_before(sandbox: datetime) -> None:
    ReleaseRule.objects.create(
        organization_id="alpha", name="bonds at the end", release="close", asset_class="corporate"
    )
    generation.check()
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    assert not BookingLeg.objects.exists()
    trading.receive(trading.fill(child, 2000, cum=3000))
    lots.drain()
    assert [leg.qty for leg in BookingLeg.objects.order_by("sequence")] == [1000, 2000]
    assert Order.objects.get().status == "filled"
    assert Movement.objects.filter(kind="trade").count() == 2


def test_a_leg_keeps_the_booking_configuration_it_was_made_under(
    sandbox: datetime, api: Callable[[str], Api]
) -> None:
    path = "/v1/custodian/cust_lpl/booking-configuration/"
    admin, body = api("alpha_admin"), {"booking_type": "dvp", "instructions": "DTC 0123"}
    assert admin("PUT", path, body)[1]["number"] == 1
    generation.check()
    accounts = Account.objects.filter(organization_id="alpha", custodian_id="cust_lpl")
    account = accounts.filter(status="active").order_by("id").first()
    assert account is not None
    child = trading.routed(account_id=account.id)
    trading.receive(trading.fill(child, 3000, cum=3000))
    lots.drain()
    assert admin("PUT", path, {"booking_type": "regular"})[1]["number"] == 2
    leg = BookingLeg.objects.select_related("configuration").get()
    assert leg.configuration is not None
    assert (leg.configuration.number, leg.configuration.active) == (1, False)
    assert leg.configuration.instructions == "DTC 0123"
    assert admin("PUT", path, {"booking_type": "barter"})[1]["code"] == "not_a_choice"
    assert api("alpha_trader")("PUT", path, body)[0] == 403
    for sql in (
        "DELETE FROM allocations_bookingconfiguration",
        "UPDATE allocations_bookingconfiguration SET instructions = 'x'",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
