"""Legs at a real custodian simulator: each is booked exactly once, whatever goes wrong between.

The judge is the custodian's own journal, never our tables.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from allocations import accounts, adapters, booking, rounds, tasks
from allocations.custodians.asking import Deferred
from allocations.custodians.simulated.adapter import SimulatedCustodian
from allocations.models import BookingLeg
from oms_site.firm import generation
from oms_site.kit import clock
from tests.integration.allocations import rows
from tests.integration.allocations.outside import Outside
from tests.integration.allocations.rows import PRO_RATA, lot
from venues import instruments
from venues.models import Instrument

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def outside(tmp_path: Path, settings: Any) -> Iterator[Outside]:
    settings.OUTSIDE_DIR = tmp_path
    world = Outside(tmp_path)
    yield world
    adapters.close()
    world.stop()


@pytest.fixture
def bond(monkeypatch: pytest.MonkeyPatch) -> Instrument:
    """What the last test cached is forgotten: its rows are gone and numbers begin again."""
    monkeypatch.setattr(accounts, "_parties", generation.Cached(accounts._load))
    monkeypatch.setattr(instruments, "_book", generation.Cached(instruments._load))
    return rows.world()


def statuses(order_id: str) -> list[str]:
    return [str(leg.status) for leg in rows.read(order_id).legs]


def later(seconds: float) -> Any:
    """The clock so many seconds on, standing still."""
    return clock.frozen_at(clock.now() + timedelta(seconds=seconds))


def agree(outside: Outside, order_id: str) -> None:
    """Our booked legs and the custodians' journals are the same, one line for each leg."""
    legs = {leg.id: leg for leg in rows.read(order_id).legs}
    booked = {key: line for key, line in outside.booked().items() if key in legs}
    assert sorted(booked) == sorted(legs)
    assert sorted(line for line in outside.lines() if line in legs) == sorted(legs)
    for key, leg in legs.items():
        assert leg.status == "booked"
        assert leg.booking_ref == booked[key].booking_ref
        assert booked[key].instruction.qty == leg.qty
        assert booked[key].instruction.net_money == leg.net_money


# --- the good case ---------------------------------------------------------------------------
def test_a_block_is_booked_at_every_custodian_and_approved(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000), ("alpha-003", 3000), ("alpha-004", 3000))
    assert booking.drain() == 3
    agree(outside, order_id)
    assert rows.read(order_id).allocation.status == "approved"
    assert rows.events(order_id)[-1] == "allocation_approve"
    assert rows.events(order_id).count("leg_sent") == 3
    assert booking.drain() == 0


def test_the_bell_drains_the_table(outside: Outside, bond: Instrument) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000))
    tasks.book("whatever", is_said="to it")
    agree(outside, order_id)


def test_the_last_booking_waits_for_the_order_to_be_complete(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.create(bond, ("alpha-002", 10_000))
    rows.calculate(order_id, [lot(1, 5000)])
    booking.drain()
    rows.calculate(order_id, [lot(1, 5000)])
    assert rows.read(order_id).allocation.status == "submitted"
    rows.calculate(order_id, [lot(1, 5000)], complete=True)
    assert rows.read(order_id).allocation.status == "approved"
    agree(outside, order_id)


def test_the_custodian_is_told_the_account_s_code_and_the_money(
    outside: Outside, bond: Instrument
) -> None:
    rows.block(bond, ("eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4", 4000), side="sell")
    booking.drain()
    (line,) = outside.booked().values()
    told = line.instruction
    assert (told.account, told.cusip, told.side) == ("ALPHA-001", "00033GAB1", "2")
    assert (told.principal, told.net_money) == (rows.D("3960.00"), rows.D("3960.00"))


def test_a_limit_is_kept(outside: Outside, bond: Instrument) -> None:
    order_id = rows.block(bond, *[(f"alpha-{n:03d}", 1000) for n in range(2, 12)])
    assert booking.drain(limit=4) == 4
    assert statuses(order_id).count("booked") == 4
    assert booking.drain() == 6
    agree(outside, order_id)


# --- refusals and repairs --------------------------------------------------------------------
def test_a_refused_leg_rejects_the_allocation_and_spares_the_others(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.block(bond, ("alpha-rej", 4000), ("alpha-002", 6000))
    booking.drain()
    assert statuses(order_id) == ["rejected", "booked"]
    allocation = rows.read(order_id).allocation
    assert (allocation.status, allocation.code) == ("rejected", "ACCOUNT_REJECTED")
    assert "allocation_reject" in rows.events(order_id)
    assert booking.drain() == 0


def test_a_repaired_leg_is_booked_under_the_same_key(outside: Outside, bond: Instrument) -> None:
    order_id = rows.block(bond, ("alpha-rej", 4000), ("alpha-002", 6000))
    booking.drain()
    outside.fault(mode="error_after", custodian="cust_bny", times=1)
    leg = next(leg for leg in rows.read(order_id).legs if leg.status == "rejected")
    booking.retry([leg.id], organization_id="alpha", by=rows.BY, at=clock.now())
    assert rows.read(order_id).allocation.status == "submitted"
    booking.drain()
    agree(outside, order_id)
    assert rows.read(order_id).allocation.status == "approved"


def test_a_late_fill_of_a_rejected_allocation_is_booked_and_the_rejection_stays(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.create(bond, ("alpha-rej", 4000), ("alpha-002", 6000))
    rows.calculate(order_id, [lot(1, 4000)])
    booking.drain()
    rows.calculate(order_id, [lot(1, 4000), lot(2, 6000)], complete=True)
    booking.drain()
    assert statuses(order_id) == ["rejected", "booked"]
    assert rows.read(order_id).allocation.status == "rejected"


# --- failures --------------------------------------------------------------------------------
def test_a_custodian_that_fails_at_first_books_in_the_end(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.block(bond, ("alpha-fail", 4000))
    for attempt in range(3):
        with later(10 * attempt):
            booking.drain()
        assert statuses(order_id) == ["sent"]
    (leg,) = rows.read(order_id).legs
    assert (leg.attempts, leg.code) == (3, "custodian_failed")
    with later(60):
        booking.drain()
    agree(outside, order_id)


def test_a_failed_leg_waits_for_its_back_off(outside: Outside, bond: Instrument) -> None:
    rows.block(bond, ("alpha-fail", 4000))
    with later(0):
        assert booking.drain() == 1
        assert booking.drain() == 0
    with later(2):
        assert booking.drain() == 1


def test_a_booking_confirmed_by_an_error_is_asked_for_at_once(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000))
    outside.fault(mode="error_after", times=1)
    booking.drain()
    agree(outside, order_id)
    assert rows.events(order_id).count("leg_sent") == 1


def test_a_booking_whose_answer_comes_too_late_is_asked_for_at_once(
    outside: Outside, bond: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = SimulatedCustodian(f"{outside.url}/cust_pershing", timeout=0.3)
    monkeypatch.setitem(adapters.ADAPTERS, "simulated", lambda custodian: hasty)
    order_id = rows.block(bond, ("alpha-slow", 4000))
    booking.drain()
    hasty.close()
    agree(outside, order_id)
    assert rows.events(order_id).count("leg_sent") == 1


def test_out_of_attempts_the_leg_fails_and_a_person_sends_it_again(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000))
    outside.fault(mode="down")
    for attempt in range(rounds.ATTEMPTS_MAX):
        with later(1000 * attempt):
            assert booking.drain() == 1
    (leg,) = rows.read(order_id).legs
    assert (leg.status, leg.attempts, leg.due_at) == ("failed", 10, None)
    assert rows.read(order_id).allocation.status == "failed"
    assert rows.events(order_id)[-1] == "allocation_fail"
    outside.fault(mode="normal")
    booking.retry([leg.id], organization_id="alpha", by=rows.BY, at=clock.now())
    booking.drain()
    agree(outside, order_id)
    assert rows.read(order_id).allocation.status == "approved"


def test_a_crash_between_sending_and_answering_books_once(
    outside: Outside, bond: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000), ("alpha-003", 6000))

    def dies(answers: object) -> None:
        raise SystemError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(rounds, "_settle", dies)
        booking.drain()
    assert len(outside.lines()) == 2
    assert statuses(order_id) == ["sent", "sent"]
    assert booking.drain() == 0
    with later(rounds.LEASE.total_seconds() + 1):
        assert booking.drain() == 2
    agree(outside, order_id)


def test_a_custodian_that_moved_is_found_again(outside: Outside, bond: Instrument) -> None:
    first = rows.block(bond, ("alpha-002", 4000))
    booking.drain()
    second = rows.block(bond, ("alpha-002", 6000))
    outside.stop()
    booking.drain()
    assert statuses(second) == ["sent"]
    outside.start()
    with later(10):
        booking.drain()
    agree(outside, first)
    agree(outside, second)


def test_a_custodian_that_is_down_does_not_hold_the_others(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.block(bond, *[(f"alpha-{n:03d}", 1000) for n in range(2, 21)])
    outside.fault(mode="down", custodian="cust_bny")
    booking.drain()
    found = rows.read(order_id).legs
    assert {leg.status for leg in found if leg.custodian_id != "cust_bny"} == {"booked"}
    assert {leg.status for leg in found if leg.custodian_id == "cust_bny"} == {"sent"}
    outside.fault(mode="normal", custodian="cust_bny")
    with later(5):
        booking.drain()
    agree(outside, order_id)
    assert rows.read(order_id).allocation.status == "approved"


def test_a_slow_custodian_does_not_hold_the_others(
    outside: Outside, bond: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = rows.block(bond, ("alpha-002", 1000), ("alpha-003", 1000))
    outside.fault(mode="slow", custodian="cust_bny", seconds=4)
    seen: list[float] = []
    settle = rounds._settle

    def timed(answers: Any, taken: list[str]) -> int:
        done = settle(answers, taken)
        seen.append(clock.monotonic())
        return done

    monkeypatch.setattr(rounds, "_settle", timed)
    booking.drain()
    assert seen[1] - seen[0] > 2
    agree(outside, order_id)


def test_drains_at_once_book_every_leg_once_and_never_meet(
    outside: Outside, bond: Instrument, caplog: pytest.LogCaptureFixture
) -> None:
    order_id = rows.block(bond, *[(f"alpha-{n:03d}", 1000) for n in range(2, 21)])
    start, claimed = threading.Barrier(3), []

    def drain() -> None:
        start.wait()
        claimed.append(booking.drain())
        connection.close()

    threads = [threading.Thread(target=drain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(claimed) == 19
    agree(outside, order_id)
    assert rows.events(order_id).count("allocation_approve") == 1
    assert "broke off" not in caplog.text


def test_an_answer_that_comes_after_another_drain_has_booked_changes_nothing(
    outside: Outside, bond: Instrument
) -> None:
    order_id = rows.block(bond, ("alpha-002", 4000))
    booking.drain()
    (leg,) = rows.read(order_id).legs
    rounds._settle({leg.id: Deferred("custodian_silent", "late")}, [])
    assert BookingLeg.objects.get(id=leg.id).version == leg.version
    agree(outside, order_id)


def test_an_averaged_block_adds_up_at_the_custodian(outside: Outside, bond: Instrument) -> None:
    order_id = rows.create(
        bond, ("alpha-002", 4000), ("alpha-003", 3000), ("alpha-004", 3000), strategy=PRO_RATA
    )
    fills = [
        lot(1, 3000, "99.123", fees=rows.D("10.01"), accrued_interest=rows.D("7.77")),
        lot(2, 7000, "100.01", fees=rows.D("0.02"), accrued_interest=rows.D("1.01")),
    ]
    rows.calculate(order_id, fills, complete=True)
    booking.drain()
    agree(outside, order_id)
    told = [line.instruction for line in outside.booked().values()]
    for name in ("qty", "principal", "accrued_interest"):
        assert sum(getattr(one, name) for one in told) == sum(getattr(f, name) for f in fills)
    net = sum(one.net_money for one in told)
    assert net == sum(f.principal + f.accrued_interest + f.fees for f in fills)
