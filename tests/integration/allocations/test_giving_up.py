"""Give-ups and step-outs: another firm clears a booked share, and every share and cent once.

The judge is the custodians' own journals.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from allocations import giving_up, repairs
from allocations.custodians.simulator import books
from allocations.giving_up import Piece
from allocations.models import BookingLeg, GiveUp, Movement
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import NotFound, OmsError
from tests.integration.allocations import rows
from tests.integration.allocations.outside import CUSTODIANS, Outside
from tests.integration.allocations.rows import PRO_RATA, lot
from tests.integration.allocations.test_booking import bond, outside
from tests.integration.allocations.test_reversing import drain, held, once
from venues.models import Instrument

__all__ = ["bond", "outside"]  # fixtures
D = Decimal
database = pytest.mark.django_db(transaction=True)
CENTS = st.integers(0, 10**9).map(lambda n: D(n) / 100)


# --- arithmetic ------------------------------------------------------------------------------
@given(st.integers(2, 10**6), CENTS, CENTS, CENTS, st.data())
def test_what_goes_and_what_stays_are_the_whole_to_the_cent(
    units: int, principal: D, accrued: D, fees: D, data: st.DataObject
) -> None:
    whole = Piece(D(units), principal, accrued, fees)
    qty = D(data.draw(st.integers(1, units)))
    goes, stays = giving_up.pieces(whole, qty)
    for name in Piece._fields:
        assert getattr(goes, name) + getattr(stays, name) == getattr(whole, name)
        exact = getattr(whole, name) * qty / units
        assert abs(getattr(goes, name) - exact) < D("0.01")
    assert goes.qty == qty
    assert (goes, stays) == giving_up.pieces(whole, qty)
    if qty == units:
        assert stays == Piece(D(0), D(0), D(0), D(0))


def test_a_third_of_ten_cents_is_three_and_the_rest_seven() -> None:
    goes, stays = giving_up.pieces(Piece(D(3000), D("0.10"), D("0.01"), D("0.00")), D(1000))
    assert goes == Piece(D(1000), D("0.03"), D("0.00"), D("0.00"))
    assert stays == Piece(D(2000), D("0.07"), D("0.01"), D("0.00"))


# --- the story -------------------------------------------------------------------------------
def person(n: int, *may: str) -> Principal:
    return Principal(n, f"ops{n}", "alpha", frozenset(may or (giving_up.ASK, giving_up.DECIDE)))


@pytest.fixture
def people(bond: Instrument) -> tuple[Principal, Principal]:
    """Two of operations."""
    made = [
        User.objects.create(username=f"clear{n}", organization_id="alpha", roles=[])
        for n in range(2)
    ]
    one, two = (person(user.pk) for user in made)
    return one, two


def booked(bond: Instrument) -> str:
    """A block of two accounts at two custodians, with odd money, booked."""
    order_id = rows.create(bond, ("alpha-002", 6000), ("alpha-003", 4000), strategy=PRO_RATA)
    fill = lot(1, 10_000, "99.123", accrued_interest=D("12.35"), fees=D("7.77"))
    rows.calculate(order_id, [fill], complete=True)
    drain()
    return order_id


def legs_of(order_id: str, account_id: str) -> list[BookingLeg]:
    return [
        leg
        for leg in BookingLeg.objects.filter(allocation__order_id=order_id).order_by("sequence")
        if leg.account_allocation.account_id == account_id
    ]


def ask(leg: BookingLeg, by: Principal, qty: D | None = None, **changes: Any) -> GiveUp:
    values: dict[str, Any] = {"clearing_firm_id": "cust_pershing", "reason": "clears there"}
    return giving_up.request(leg.id, qty=qty, by=by, at=clock.now(), **{**values, **changes})


def agree(row: GiveUp, by: Principal, *, approve: bool = True) -> GiveUp:
    return giving_up.decide(row.id, approve=approve, note="seen", by=by, at=clock.now())


def at_custodians(world: Outside) -> dict[tuple[str, str], D]:
    """Shares by account and custodian, by the custodians' own journals."""
    found: dict[tuple[str, str], D] = defaultdict(D)
    for custodian in CUSTODIANS:
        for line in books.bookings(world.directory, custodian).values():
            told = line.instruction
            found[told.account, custodian] += told.qty if told.side == "1" else -told.qty
    return {key: qty for key, qty in found.items() if qty}


@database
def test_a_step_out_moves_a_part_to_the_clearing_firm_and_loses_nothing(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = booked(bond)
    (leg,) = legs_of(order_id, "alpha-002")
    row = ask(leg, people[0], D(2000))
    assert (row.kind, row.status) == ("step_out", "requested")
    row = agree(row, people[1])
    drain()
    row.refresh_from_db()
    assert row.status == "taken_up"
    assert row.answered_at is not None
    assert held(outside) == {"ALPHA-002": 6000, "ALPHA-003": 4000}
    assert at_custodians(outside)["ALPHA-002", "cust_pershing"] == 2000
    once(outside)
    _, back, clearing, rest = legs_of(order_id, "alpha-002")
    assert back.reverses_id == leg.id
    assert (clearing.id, clearing.qty, clearing.custodian_id) == (
        row.clearing_leg_id,
        D(2000),
        "cust_pershing",
    )
    assert (rest.qty, rest.custodian_id) == (D(4000), leg.custodian_id)
    for name in ("qty", "principal", "accrued_interest", "fees", "net_money"):
        assert getattr(clearing, name) + getattr(rest, name) == getattr(leg, name), name
    assert rows.read(order_id).allocation.status == "approved"
    assert {"give_up_request", "give_up_approve", "give_up_taken"} <= set(rows.events(order_id))
    # Calculated again, nothing is missing and nothing is booked twice.
    fill = lot(1, 10_000, "99.123", accrued_interest=D("12.35"), fees=D("7.77"))
    assert rows.calculate(order_id, [fill], complete=True) == []


@database
def test_a_give_up_moves_all_of_it_and_the_account_holds_what_it_held(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = booked(bond)
    (leg,) = legs_of(order_id, "alpha-003")
    row = agree(ask(leg, people[0]), people[1])
    drain()
    assert row.kind == "give_up"
    assert held(outside) == {"ALPHA-002": 6000, "ALPHA-003": 4000}
    assert at_custodians(outside)["ALPHA-003", "cust_pershing"] == 4000
    assert len(legs_of(order_id, "alpha-003")) == 3
    moved = Movement.objects.filter(account_id="alpha-003")
    assert sum(moved.values_list("qty", flat=True)) in (0, 4000)


@database
def test_a_firm_that_turns_it_down_leaves_a_leg_that_a_repair_books_back(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = booked(bond)
    (leg,) = legs_of(order_id, "alpha-002")
    row = ask(leg, people[0])
    outside.fault(mode="reject", custodian="cust_pershing")
    agree(row, people[1])
    drain()
    row.refresh_from_db()
    assert row.status == "turned_down"
    assert held(outside) == {"ALPHA-003": 4000}
    assert rows.read(order_id).allocation.status == "rejected"
    repair = repairs.request(
        str(row.clearing_leg_id),
        reason="they will not clear it",
        custodian_id=leg.custodian_id,
        by=people[0],
        at=clock.now(),
    )
    repairs.decide(repair.id, approve=True, by=people[1], at=clock.now())
    drain()
    assert held(outside) == {"ALPHA-002": 6000, "ALPHA-003": 4000}
    assert rows.read(order_id).allocation.status == "approved"


@database
def test_what_is_not_booked_is_not_given_up(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000))
    with pytest.raises(OmsError) as refused:
        ask(legs_of(order_id, "alpha-002")[0], people[0])
    assert refused.value.code == "not_booked"


@database
def test_who_asked_does_not_agree_and_nobody_agrees_twice(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = booked(bond)
    (leg,) = legs_of(order_id, "alpha-002")
    row = ask(leg, people[0])
    with pytest.raises(OmsError) as refused:
        agree(row, people[0])
    assert refused.value.code == "same_person"
    with pytest.raises(OmsError) as refused:
        ask(leg, people[1])
    assert refused.value.code == "give_up_open"
    agree(row, people[1])
    with pytest.raises(OmsError) as refused:
        agree(row, people[1])
    assert refused.value.code == "already_decided"
    assert len(legs_of(order_id, "alpha-002")) == 3


@database
def test_a_refused_give_up_changes_nothing_and_may_be_asked_for_again(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = booked(bond)
    (leg,) = legs_of(order_id, "alpha-002")
    agree(ask(leg, people[0]), people[1], approve=False)
    assert len(legs_of(order_id, "alpha-002")) == 1
    assert ask(leg, people[0]).status == "requested"


@database
def test_what_cannot_be_given_up_is_refused_with_every_fault(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = booked(bond)
    (leg,) = legs_of(order_id, "alpha-002")
    with pytest.raises(OmsError) as refused:
        ask(leg, people[0], D(6001), clearing_firm_id="nobody", reason=" ")
    assert {one.code for one in refused.value.details} == {
        "custodian_not_found",
        "too_much",
        "reason_required",
    }
    with pytest.raises(OmsError) as refused:
        ask(leg, people[0], D(1500), clearing_firm_id=leg.custodian_id)
    assert {one.code for one in refused.value.details} == {"clears_there", "off_increment"}
    with pytest.raises(NotFound):
        giving_up.request(
            "bl_x", clearing_firm_id="cust_bny", qty=None, reason="r", by=people[0], at=clock.now()
        )


@database
def test_a_bust_takes_back_what_another_firm_clears(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = booked(bond)
    (leg,) = legs_of(order_id, "alpha-002")
    agree(ask(leg, people[0], D(2000)), people[1])
    drain()
    rows.calculate(order_id, [], complete=False)
    drain()
    assert held(outside) == {}
    assert at_custodians(outside) == {}
    once(outside)


@database
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE allocations_giveup SET qty = 1, version = version + 1",
        "UPDATE allocations_giveup SET status = 'requested', version = version + 1",
        "UPDATE allocations_giveup SET checker_id = maker_id, version = version + 1",
        "UPDATE allocations_giveup SET note = 'else', version = version + 1",
        "DELETE FROM allocations_giveup",
    ],
)
def test_the_database_keeps_what_was_given_up(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal], change: str
) -> None:
    order_id = booked(bond)
    (leg,) = legs_of(order_id, "alpha-002")
    agree(ask(leg, people[0]), people[1])
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


@database
def test_the_database_refuses_a_clearing_leg_that_is_another_share(
    outside: Outside, bond: Instrument, people: tuple[Principal, Principal]
) -> None:
    order_id = booked(bond)
    (leg,), (other,) = legs_of(order_id, "alpha-002"), legs_of(order_id, "alpha-003")
    row = ask(leg, people[0])
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE allocations_giveup SET status = 'given', checker_id = %s, decided_at = now(),"
            " clearing_leg_id = %s, version = version + 1 WHERE id = %s",
            [people[1].user_id, other.id, row.id],
        )


@database
def test_what_was_booked_elsewhere_is_never_sent(outside: Outside, bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-002", 6000), ("alpha-003", 4000), strategy=PRO_RATA)
    fills = [lot(1, 4000, "99", bypass_trade_booking=True), lot(2, 6000, "98")]
    assert len(rows.calculate(order_id, fills, complete=True)) == 2
    drain()
    found = rows.read(order_id)
    assert sorted(leg.status for leg in found.legs) == [
        "booked",
        "booked",
        "elsewhere",
        "elsewhere",
    ]
    # 4000 were booked elsewhere: the custodians know the other 6000 alone.
    assert sum(held(outside).values()) == 6000
    assert [account.actual_qty for account in found.accounts] == [6000, 4000]
    assert found.allocation.status == "approved"
    assert sum(leg.qty for leg in found.legs) == 10_000
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE allocations_bookingleg SET status = 'queued', due_at = now(),"
            " version = version + 1 WHERE status = 'elsewhere'"
        )
