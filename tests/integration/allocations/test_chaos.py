"""Custodians in trouble: one down, answers lost, answered twice; each leg is booked once.

The judge is the custodians' own journals.
"""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from allocations import adapters, booking, seed
from allocations.custodians import acceptance
from allocations.custodians.port import Booked, BookingInstruction
from allocations.custodians.simulated.adapter import SimulatedCustodian
from allocations.models import Account
from oms_site.firm import generation
from oms_site.kit import clock, ids
from tests.integration.allocations import rows
from tests.integration.allocations.outside import Outside
from tests.integration.allocations.test_booking import agree, bond, later, outside
from venues.models import Instrument

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["bond", "outside"]  # fixtures


def wide(bond: Instrument, count: int = 30) -> str:
    """A block over accounts at all three custodians."""
    group = seed.HOUSES["alpha"].risk_groups[0][0]
    Account.objects.bulk_create(
        Account(
            id=f"chaos-{n}",
            organization_id="alpha",
            code=f"CHAOS-{n}",
            name=f"Client {n}",
            custodian_id=seed.CUSTODIANS[n % 3][0],
            risk_group_id=group,
        )
        for n in range(count)
    )
    generation.check()
    return rows.block(bond, *[(f"chaos-{n}", 1000) for n in range(count)])


def status_at(order_id: str, custodian_id: str) -> set[str]:
    legs = rows.read(order_id).legs
    return {str(leg.status) for leg in legs if leg.custodian_id == custodian_id}


def test_one_custodian_down_holds_none_of_the_others(outside: Outside, bond: Instrument) -> None:
    order_id = wide(bond)
    outside.fault(mode="down", custodian="cust_bny")
    booking.drain()
    assert status_at(order_id, "cust_lpl") == status_at(order_id, "cust_pershing") == {"booked"}
    assert status_at(order_id, "cust_bny") == {"sent"}
    outside.fault(mode="normal", custodian="cust_bny")
    for minutes in range(1, 12):
        with later(60 * minutes):
            booking.drain()
    agree(outside, order_id)


def test_a_slow_custodian_books_once_though_its_answers_are_lost(
    outside: Outside, bond: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        adapters, "SimulatedCustodian", lambda url: SimulatedCustodian(url, timeout=0.3)
    )
    order_id = wide(bond)
    outside.fault(mode="slow", custodian="cust_pershing", seconds=1.0)
    began = clock.monotonic()
    booking.drain()
    assert status_at(order_id, "cust_lpl") == status_at(order_id, "cust_bny") == {"booked"}
    assert clock.monotonic() - began < 10
    outside.fault(mode="normal")
    for minutes in range(1, 8):
        with later(60 * minutes):
            booking.drain()
    agree(outside, order_id)


def test_a_booking_that_is_answered_with_an_error_is_not_booked_again(
    outside: Outside, bond: Instrument
) -> None:
    order_id = wide(bond)
    outside.fault(mode="error_after")
    booking.drain()
    outside.fault(mode="normal")
    for minutes in range(1, 8):
        with later(60 * minutes):
            booking.drain()
    agree(outside, order_id)


def test_a_leg_that_is_acknowledged_twice_is_booked_once(
    outside: Outside, bond: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = wide(bond, 6)
    book = SimulatedCustodian.book

    def twice(self: SimulatedCustodian, one: BookingInstruction) -> object:
        book(self, one)
        return book(self, one)

    monkeypatch.setattr(SimulatedCustodian, "book", twice)
    booking.drain()
    booking.drain()
    agree(outside, order_id)
    assert rows.events(order_id).count("leg_booked") == 6


# --- what every adapter must do --------------------------------------------------------------
def test_the_simulated_custodians_are_certified(outside: Outside, bond: Instrument) -> None:
    told = StringIO()
    call_command("certify_custodian", "cust_bny", stdout=told)
    assert told.getvalue().count("ok ") == len(acceptance.REQUIREMENTS)
    assert "BNY is certified" in told.getvalue()
    asked = SimulatedCustodian(f"{outside.url}/cust_bny")
    made = asked.statement(as_of=clock.now().date())
    assert (made.positions, made.cash) == ((), ())
    asked.close()


def test_an_adapter_that_books_twice_is_not_certified(
    outside: Outside, bond: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = SimulatedCustodian.book

    def careless(self: SimulatedCustodian, one: BookingInstruction) -> object:
        fresh = ids.prefixed("bl")
        answer = book(self, replace(one, key=fresh, leg_id=fresh))
        assert isinstance(answer, Booked)
        return answer

    monkeypatch.setattr(SimulatedCustodian, "book", careless)
    told = StringIO()
    with pytest.raises(CommandError, match="not certified"):
        call_command("certify_custodian", "cust_bny", stdout=told)
    assert "FAILED repeating a key" in told.getvalue()


def test_an_unknown_custodian_is_not_certified(bond: Instrument) -> None:
    with pytest.raises(CommandError, match="no custodian"):
        call_command("certify_custodian", "cust_nobody")
