"""What was booked and then busted is taken back once, and what stands is booked again.

The judge is the custodians' own journals.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from allocations import booking, wire
from allocations.models import BookingLeg
from oms_site.journal import unit
from oms_site.kit import clock, ids
from tests.integration.allocations import rows
from tests.integration.allocations.outside import Outside
from tests.integration.allocations.rows import PRO_RATA, lot
from tests.integration.allocations.test_booking import bond, later, outside
from venues.models import Instrument

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["bond", "outside"]  # fixtures


def held(world: Outside) -> dict[str, Decimal]:
    """What every account holds by the custodians' own journals."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for line in world.booked().values():
        told = line.instruction
        found[told.account] += told.qty if told.side == "1" else -told.qty
    return {account: qty for account, qty in found.items() if qty}


def once(world: Outside) -> None:
    lines = world.lines()
    assert len(lines) == len(set(lines))


def drain() -> None:
    for _ in range(4):
        booking.drain()


def test_a_bust_after_booking_is_reversed_once_and_the_rest_booked_again(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.create(bond, ("alpha-002", 5000), ("alpha-003", 5000), strategy=PRO_RATA)
    first, second = lot(1, 6000, "99"), lot(2, 4000, "98")
    rows.calculate(order_id, [first, second], complete=True)
    drain()
    assert held(outside) == {"ALPHA-002": 5000, "ALPHA-003": 5000}
    rows.calculate(order_id, [second], complete=True)
    drain()
    assert held(outside) == {"ALPHA-002": 2000, "ALPHA-003": 2000}
    once(outside)
    found = rows.read(order_id)
    assert (found.allocation.status, found.allocation.revision) == ("approved", 1)
    assert found.allocation.actual_qty == 4000
    assert "allocation_reverse" in rows.events(order_id)
    rows.calculate(order_id, [second], complete=True)
    drain()
    assert len(rows.read(order_id).legs) == 6


def test_a_bust_of_everything_leaves_nothing_and_says_reversed(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.create(bond, ("alpha-002", 4000), ("alpha-003", 6000))
    rows.calculate(order_id, [lot(1, 10_000)], complete=True)
    drain()
    rows.calculate(order_id, [], complete=False)
    drain()
    assert held(outside) == {}
    assert rows.read(order_id).allocation.status == "reversed"
    assert [account.actual_qty for account in rows.read(order_id).accounts] == [0, 0]
    rows.calculate(order_id, [lot(3, 10_000, "97")], complete=True)
    drain()
    assert held(outside) == {"ALPHA-002": 4000, "ALPHA-003": 6000}
    assert rows.read(order_id).allocation.status == "approved"


def test_what_no_custodian_has_heard_of_is_canceled_and_never_sent(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.create(bond, ("alpha-002", 4000))
    rows.calculate(order_id, [lot(1, 4000)], complete=True)
    rows.calculate(order_id, [], complete=True)
    drain()
    assert outside.booked() == {}
    assert [leg.status for leg in rows.read(order_id).legs] == ["canceled"]


def test_a_leg_whose_answer_got_lost_is_reversed_after_it_is_known_to_be_booked(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.create(bond, ("alpha-002", 4000))
    rows.calculate(order_id, [lot(1, 4000)], complete=True)
    outside.fault(mode="down", custodian="cust_lpl")
    booking.drain()
    rows.calculate(order_id, [lot(2, 4000, "98")], complete=True)
    back = [leg for leg in rows.read(order_id).legs if leg.reverses_id]
    again = [leg for leg in rows.read(order_id).legs if not leg.reverses_id and leg.revision]
    assert [leg.due_at for leg in back + again] == [None, None]
    outside.fault(mode="normal")
    with later(60):
        drain()
    assert held(outside) == {"ALPHA-002": 4000}
    once(outside)
    assert [leg.status for leg in rows.read(order_id).legs] == ["booked"] * 3
    # The custodian heard of the reversal before it heard of what replaces the leg.
    assert list(outside.booked()) == [leg.id for leg in rows.read(order_id).legs]


def test_the_object_of_the_api_names_what_a_booking_takes_back(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.create(bond, ("alpha-002", 4000))
    rows.calculate(order_id, [lot(1, 4000)], complete=True)
    drain()
    rows.calculate(order_id, [lot(2, 4000, "98")], complete=True)
    drain()
    found = rows.read(order_id)
    (account,) = wire.view(found.allocation, found.accounts, found.legs)["account_allocations"]
    first, back, again = account["bookings"]
    named = [one["reverses_booking_id"] for one in (first, back, again)]
    assert named == [None, first["booking_id"], None]
    assert (back["amount"], back["net_money"]) == (first["amount"], first["net_money"])
    gone = {back["booking_id"], first["booking_id"]}
    stands = [one["amount"]["par"] for one in account["bookings"] if one["booking_id"] not in gone]
    assert sum(stands) == account["actual_amount"]["par"] == 4000


def test_a_refused_leg_that_is_busted_needs_no_reversal(outside: Outside, bond: Instrument) -> None:
    order_id = rows.create(bond, ("alpha-rej", 4000))
    rows.calculate(order_id, [lot(1, 4000)], complete=True)
    drain()
    rows.calculate(order_id, [], complete=True)
    drain()
    assert outside.booked() == {}
    assert [leg.status for leg in rows.read(order_id).legs] == ["canceled"]


def _insert(leg: BookingLeg, **changes: Any) -> None:
    names = {f.attname for f in BookingLeg._meta.concrete_fields}
    values = {name: getattr(leg, name) for name in names}
    values |= {"id": ids.prefixed("bl"), "reverses_id": leg.id, "version": 0, "status": "queued"}
    with unit.work(by=rows.BY, at=clock.now()) as work:
        row = BookingLeg(**{**values, "sequence": leg.sequence + 9, **changes})
        work.add(row)
        work.record(row, "leg_woken", body={})


@pytest.mark.parametrize("changes", [{"qty": 3000}, {"custodian_id": "cust_bny"}])
def test_the_database_refuses_a_reversal_that_is_not_the_mirror(
    bond: Instrument, changes: dict[str, Any]
) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000))
    (leg,) = rows.read(order_id).legs
    with pytest.raises(DatabaseError, match="mirrors"), transaction.atomic():
        _insert(leg, **changes)


def test_the_database_refuses_a_second_reversal(bond: Instrument, tmp_path: Path) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000))
    (leg,) = rows.read(order_id).legs
    _insert(leg)
    with pytest.raises(DatabaseError, match="leg_reversed_once"), transaction.atomic():
        _insert(leg, sequence=77)
