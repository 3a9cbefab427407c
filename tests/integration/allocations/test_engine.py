"""From the basis to queued legs, with an event for every step and nothing done twice."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from allocations import accounts, booking, wire
from allocations.models import Account, Allocation, BookingLeg
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit.errors import NotFound, OmsError
from tests.integration.allocations import rows
from tests.integration.allocations.rows import AT, FIFO, PRO_RATA, D, lot
from venues import instruments
from venues.models import Instrument

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rolled back test takes its generation number back: nothing cached may outlive it."""
    monkeypatch.setattr(accounts, "_parties", generation.Cached(accounts._load))
    monkeypatch.setattr(instruments, "_book", generation.Cached(instruments._load))


@pytest.fixture
def bond(fresh: None) -> Instrument:
    return rows.world()


def frame(order_id: str, event_type: str) -> dict[str, Any]:
    event = Event.objects.filter(order_id=order_id, event_type=event_type).latest("id")
    found: dict[str, Any] = json.loads(event.body, parse_float=Decimal)
    return found


def brief(order_id: str) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    found = rows.read(order_id)
    names = {account.id: account.account_id for account in found.accounts}
    return [(names[g.account_allocation_id], g.qty, g.price, g.net_money) for g in found.legs]


# --- the basis -------------------------------------------------------------------------------
def pages(order_id: str) -> dict[str, int]:
    """On which page of the table each account's row of a block is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, (p.ctid::text::point)[0]::int FROM allocations_accountallocation p "
            "JOIN allocations_allocation a ON a.id = p.allocation_id WHERE a.order_id = %s",
            [order_id],
        )
        return dict(cursor.fetchall())


def test_a_basis_is_created_with_its_accounts_and_one_event(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 6000), ("alpha-003", 4000))
    told = frame(order_id, "allocation_create")
    assert told["msg_type"] == "order_update"
    assert told["event"]["order_id"] == order_id
    assert told["event"]["client_allocation_id"] == f"ca-{order_id}"
    assert [a["requested_amount"] for a in told["event"]["account_allocations"]] == [
        {"type": "par", "value": 6000, "par": 6000},
        {"type": "par", "value": 4000, "par": 4000},
    ]
    assert rows.read(order_id).allocation.requested_qty == 10_000


def test_an_implicit_allocation_is_told_to_the_audit_only(bond: Instrument) -> None:
    order_id = rows.create(bond, ("myaccount", 1000), implicit=True, client_allocation_id=None)
    rows.calculate(order_id, [lot(1, 1000)], complete=True)
    kinds = Event.objects.filter(order_id=order_id).values_list("msg_type", flat=True)
    assert set(kinds) == {"internal"}


# --- per fill --------------------------------------------------------------------------------
def test_each_fill_queues_its_legs_at_once(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 5000), ("alpha-003", 5000))
    fills = [lot(1, 6000, "84"), lot(2, 4000, "85")]
    rows.calculate(order_id, fills[:1])
    assert [leg[:3] for leg in brief(order_id)] == [
        ("alpha-002", D(5000), D(84)),
        ("alpha-003", D(1000), D(84)),
    ]
    rows.calculate(order_id, fills, complete=True)
    assert brief(order_id)[2] == ("alpha-003", D(4000), D(85), D("3400.00"))
    found = rows.read(order_id)
    assert [account.actual_qty for account in found.accounts] == [5000, 5000]
    assert (found.allocation.status, found.allocation.complete) == ("submitted", True)
    assert all(leg.due_at is not None for leg in found.legs)


def test_the_calculation_is_told_with_amounts_prices_and_venue(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 5000), ("alpha-003", 5000))
    rows.calculate(order_id, [lot(1, 6000, "84"), lot(2, 4000, "85", venue="dark")])
    first, second = frame(order_id, "allocation_calculate")["event"]["account_allocations"]
    assert (first["actual_amount"]["par"], first["fill_price"], first["venue"]) == (5000, 84, "sim")
    assert (second["fill_price"], second["venue"]) == (D("84.8"), None)
    assert second["venues"] == ["dark", "sim"]
    assert [f["fill_price"] for f in second["fills"]] == [84, 85]
    assert first["client_account_allocation_id"] == f"{order_id}-alpha-002"


def test_what_each_account_of_a_large_block_has_got_finds_room_on_its_own_page(
    bond: Instrument,
) -> None:
    some = Account.objects.filter(organization_id="alpha", sleeve_of=None)[0]
    names = [f"room-{n}" for n in range(200)]
    Account.objects.bulk_create(
        Account(
            id=name,
            organization_id="alpha",
            code=name,
            name=name,
            custodian_id=some.custodian_id,
            risk_group_id=some.risk_group_id,
        )
        for name in names
    )
    generation.check()
    order_id = rows.create(bond, *[(name, 1000) for name in names], strategy=PRO_RATA)
    before = pages(order_id)
    rows.calculate(order_id, [lot(1, 200_000)], complete=True)
    assert pages(order_id) == before


def test_the_same_fills_again_change_nothing(bond: Instrument) -> None:
    for strategy in (FIFO, PRO_RATA):
        order_id = rows.create(bond, ("alpha-002", 10_000), strategy=strategy)
        rows.calculate(order_id, [lot(1, 10_000)], complete=True)
        before = rows.events(order_id)
        assert rows.calculate(order_id, [lot(1, 10_000)], complete=True) == []
        assert rows.events(order_id) == before


def test_one_submission_is_told_per_custodian(bond: Instrument) -> None:
    order_id = rows.block(bond, ("alpha-002", 5000), ("alpha-003", 5000))
    told = [
        json.loads(event.body)["event"]
        for event in Event.objects.filter(order_id=order_id, event_type="allocation_submit")
    ]
    assert sorted(one["custodian_id"] for one in told) == ["cust_bny", "cust_lpl"]
    legs = {leg.id for leg in rows.read(order_id).legs}
    assert {b["booking_id"] for one in told for b in one["bookings"]} == legs


def test_the_allocation_s_custodian_goes_before_the_accounts_own(bond: Instrument) -> None:
    order_id = rows.block(
        bond, ("alpha-002", 5000), ("alpha-003", 5000), custodian_id="cust_pershing"
    )
    assert {leg.custodian_id for leg in rows.read(order_id).legs} == {"cust_pershing"}


def test_net_money_adds_fees_for_a_buy_and_takes_them_off_for_a_sell(bond: Instrument) -> None:
    fill = lot(1, 1000, accrued_interest=D("1.50"), fees=D("0.25"))
    for side, net in (("buy", "991.75"), ("sell", "991.25")):
        order_id = rows.create(bond, ("alpha-002", 1000), side=side)
        rows.calculate(order_id, [fill])
        assert brief(order_id)[0][3] == D(net)


def test_a_fill_booked_outside_counts_and_makes_a_leg_that_nobody_is_told_of(
    bond: Instrument,
) -> None:
    order_id = rows.create(bond, ("alpha-002", 10_000))
    fill = lot(1, 10_000, bypass_trade_booking=True)
    assert rows.calculate(order_id, [fill], complete=True) == []
    found = rows.read(order_id)
    (leg,) = found.legs
    assert (leg.status, leg.due_at, leg.qty) == ("elsewhere", None, D(10_000))
    assert "allocation_submit" not in rows.events(order_id)
    rows.calculate(order_id, [fill], complete=True)
    assert len(rows.read(order_id).legs) == 1
    assert found.allocation.status == "calculated"
    assert found.accounts[0].actual_qty == 10_000


# --- averaged --------------------------------------------------------------------------------
def test_an_averaged_block_is_booked_when_no_more_will_come(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 6000), ("alpha-003", 4000), strategy=PRO_RATA)
    fills = [lot(1, 5000, "99"), lot(2, 5000, "101")]
    assert rows.calculate(order_id, fills[:1]) == []
    assert rows.read(order_id).allocation.status == "calculated"
    assert [a.actual_qty for a in rows.read(order_id).accounts] == [3000, 2000]
    rows.calculate(order_id, fills, complete=True)
    assert [leg[1:3] for leg in brief(order_id)] == [(D(6000), D(100)), (D(4000), D(100))]


def test_a_late_fill_after_completion_gets_legs_of_its_own(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 6000), ("alpha-003", 4000), strategy=PRO_RATA)
    rows.calculate(order_id, [lot(1, 5000, "99")], complete=True)
    fills = [lot(1, 5000, "99"), lot(2, 5000, "101", settlement_date=date(2026, 3, 5))]
    rows.calculate(order_id, fills, complete=True)
    legs = rows.read(order_id).legs
    assert [(int(leg.qty), int(leg.price), leg.sequence) for leg in legs] == [
        (3000, 99, 1),
        (3000, 101, 2),
        (2000, 99, 1),
        (2000, 101, 2),
    ]


# --- what cannot be split --------------------------------------------------------------------
def test_a_bust_fails_the_allocation_once_and_loses_nothing(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 10_000))
    rows.calculate(order_id, [lot(1, 5000)])
    bust = [lot(1, 5000), lot(2, -5000)]
    rows.calculate(order_id, bust)
    rows.calculate(order_id, bust)
    found = rows.read(order_id)
    assert (found.allocation.status, found.allocation.code) == ("failed", "lot_not_positive")
    assert rows.events(order_id).count("allocation_fail") == 1
    assert len(found.legs) == 1
    assert frame(order_id, "allocation_fail")["event"]["code"] == "lot_not_positive"


def test_a_first_fill_that_cannot_be_split_fails_too(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 10_000))
    rows.calculate(order_id, [lot(1, 5000, fees=D("0.001"))])
    assert rows.read(order_id).allocation.code == "money_not_in_cents"
    rows.calculate(order_id, [lot(1, 5000)])
    found = rows.read(order_id)
    assert (found.allocation.status, found.allocation.code) == ("submitted", "")
    assert len(found.legs) == 1


# --- cancel ----------------------------------------------------------------------------------
def test_an_untouched_allocation_is_canceled(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 10_000))
    assert rows.cancel(order_id) == ""
    assert rows.read(order_id).allocation.status == "canceled"
    assert rows.events(order_id)[1:] == ["cancel_allocation_request", "allocation_cancel"]
    assert frame(order_id, "cancel_allocation_request")["msg_type"] == "system_update"
    assert frame(order_id, "allocation_cancel")["msg_type"] == "order_update"


@pytest.mark.parametrize(
    ("fills", "code"),
    [([], "already_filled"), ([lot(1, 1000)], "already_submitted")],
)
def test_a_filled_allocation_is_not_canceled(bond: Instrument, fills: list[Any], code: str) -> None:
    order_id = rows.create(bond, ("alpha-002", 10_000))
    if fills:
        rows.calculate(order_id, fills)
    before = rows.read(order_id).allocation.status
    assert rows.cancel(order_id, filled=True) == code
    assert rows.read(order_id).allocation.status == before
    assert rows.events(order_id)[-2:] == ["cancel_allocation_request", "cancel_allocation_reject"]
    told = frame(order_id, "cancel_allocation_reject")
    assert (told["msg_type"], told["event"]["code"]) == ("system_update", code)


def test_a_fill_after_the_cancel_is_told_and_not_booked(bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 10_000))
    rows.cancel(order_id)
    for _ in range(2):
        assert rows.calculate(order_id, [lot(1, 10_000)]) == []
    found = rows.read(order_id)
    assert (found.allocation.status, found.allocation.code) == ("canceled", "allocation_canceled")
    assert rows.events(order_id).count("allocation_fail") == 1


# --- reading and the law ---------------------------------------------------------------------
def test_the_object_of_the_api_shows_accounts_and_bookings(bond: Instrument) -> None:
    order_id = rows.block(bond, ("alpha-002", 6000), ("alpha-003", 4000))
    found = rows.read(order_id)
    shown = wire.view(found.allocation, found.accounts, found.legs)
    assert shown["actual_amount"] == {"type": "par", "value": 10_000, "par": 10_000}
    first = shown["account_allocations"][0]
    assert first["account_id"] == "alpha-002"
    assert [b["status"] for b in first["bookings"]] == ["queued"]
    assert first["bookings"][0]["net_money"] == D("5940.00")


def test_every_version_of_every_row_has_its_event(bond: Instrument) -> None:
    order_id = rows.block(bond, ("alpha-002", 6000), ("alpha-003", 4000))
    versions: dict[str, list[int]] = {}
    for event in Event.objects.filter(order_id=order_id).order_by("id"):
        for _, key, columns in json.loads(event.changes):
            versions.setdefault(key, []).append(columns["version"])
    found = rows.read(order_id)
    for row in (found.allocation, *found.accounts, *found.legs):
        assert versions[row.id] == list(range(1, row.version + 1))


def test_only_legs_that_wait_for_a_person_are_retried(bond: Instrument) -> None:
    order_id = rows.block(bond, ("alpha-002", 6000))
    (leg,) = rows.read(order_id).legs
    with pytest.raises(OmsError) as refused:
        booking.retry([leg.id], organization_id="alpha", by=rows.BY, at=AT)
    assert (refused.value.code, refused.value.status) == ("leg_not_retryable", 409)
    with pytest.raises(NotFound):
        booking.retry([leg.id], organization_id="beta", by=rows.BY, at=AT)
    assert BookingLeg.objects.get(id=leg.id).version == leg.version


# --- the sandbox's clients -------------------------------------------------------------------
def test_both_samples_of_the_guide_resolve(bond: Instrument) -> None:
    first = accounts.find_account("alpha", "eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4")
    assert first is not None
    assert first.code == "ALPHA-001"
    assert accounts.find_account("alpha", "ALPHA-001") == first
    assert accounts.find_account("alpha", "myaccount") is not None
    assert accounts.find_ib("alpha", "01K4BRMF8MCV09YXYE1TT4S2TB") is not None
    group = accounts.find_risk_group("alpha", "01K4BRMRH4ERKRYFCJKCQYKR26")
    assert accounts.fees_for(group) == ()
    assert accounts.find_custodian("cust_lpl") is not None


def test_a_stranger_s_account_is_not_found(bond: Instrument) -> None:
    assert accounts.find_account("beta", "myaccount") is None
    assert accounts.find_account("beta", "beta-001") is not None
    assert accounts.find_ib("beta", "01K4BRMF8MCV09YXYE1TT4S2TB") is None
    assert accounts.find_risk_group("beta", "01K4BRMRH4ERKRYFCJKCQYKR26") is None


def test_seeding_again_keeps_what_people_changed(bond: Instrument) -> None:
    Account.objects.filter(id="myaccount").update(name="Changed")
    count = Account.objects.count()
    rows.world()
    assert Account.objects.get(id="myaccount").name == "Changed"
    assert Account.objects.count() == count
    generation.check()
    facts = accounts.find_account("alpha", "myaccount")
    assert facts is not None
    assert facts.name == "Changed"


def test_accounts_are_read_from_memory(bond: Instrument, django_assert_num_queries: Any) -> None:
    accounts.find_account("alpha", "myaccount")
    with django_assert_num_queries(0):
        assert accounts.find_account("alpha", "alpha-suspended").status == "suspended"  # type: ignore[union-attr]  # seeded
        assert len(accounts.accounts_of("alpha")) > 20
    assert Allocation.objects.count() == 0
