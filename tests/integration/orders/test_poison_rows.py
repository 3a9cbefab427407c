"""A row that breaks its sweep harms only itself, and a page of rows that stay holds up nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection

from allocations.models import AccountAllocation, Allocation
from controls import breakers, halts
from controls.halts import Target
from controls.models import Breaker, Halt
from oms_site.journal import draining
from oms_site.journal.unit import StaleVersion
from oms_site.kit import clock
from orders import (
    breaking,
    execution,
    expiry,
    halting,
    lots,
    mass_canceling,
    routing,
    trailing,
    triggers,
)
from orders.contingent import families, settling
from orders.desk import canceling
from orders.models import (
    AllocationDue,
    Break,
    MassCancelOrder,
    Order,
    OrderListWatch,
    VenueOrder,
)
from orders.replacing import resuming, stuck
from orders.requests import Handling
from orders.rfq import sweeping
from orders.schedules import ending, sending
from orders.stopping import at_once
from orders.stopping.selecting import Selection
from tests import poison, policies, quoting, scheduling, trading
from tests.integration.orders import lists
from tests.integration.replacing import story
from venues.messages import ExecType, OrdStatus
from venues.models import SecurityNotice

D = Decimal


@pytest.fixture(autouse=True)
def everything_is_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


@contextmanager
def _later(**time: float) -> Iterator[None]:
    with clock.frozen_at(clock.now() + timedelta(**time)):
        yield


def _filled(**changes: Any) -> str:
    child = trading.routed(**changes)
    trading.receive(trading.fill(child, 3000, cum=3000))
    return child.order_id


def _resting(**changes: Any) -> VenueOrder:
    child = trading.routed(**changes)
    trading.receive(trading.report(child, ExecType.NEW))
    return child


# --- allocation ------------------------------------------------------------------------------
def test_an_order_that_cannot_be_split_stops_no_other_order_of_any_firm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, good = _filled(), _filled()
    poison.breaks(monkeypatch, lots, "_allocate", odd)
    assert lots.drain() == 1
    assert Allocation.objects.get().order_id == good
    (left,) = AllocationDue.objects.all()
    assert (left.order_id, left.due_at) == (odd, clock.now() + draining.AGAIN)
    told = poison.aside("allocate")
    assert (told.order_id, told.organization_id) == (odd, "alpha")
    assert lots.drain() == 0
    monkeypatch.undo()
    with _later(minutes=6):
        assert lots.drain() == 1
    assert Allocation.objects.filter(order_id=odd).count() == 1
    assert AccountAllocation.objects.count() == 2
    assert not AllocationDue.objects.exists()


def test_no_allocation_is_put_off_because_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = _filled()
    poison.breaks(monkeypatch, lots, "_allocate", odd, OperationalError("gone"))
    with pytest.raises(OperationalError):
        lots.drain()
    assert AllocationDue.objects.get().due_at <= clock.now()
    assert not Break.objects.exists()


# --- the end of the day ----------------------------------------------------------------------
def test_an_order_that_cannot_be_expired_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = trading.submit(bypass_auto_execution=True)
    good = [trading.submit(bypass_auto_execution=True) for _ in range(3)]
    poison.breaks(monkeypatch, expiry, "_expire", odd)
    with _later(days=1):
        # It is the first of every page, and the pages are small.
        assert sum(expiry.sweep(limit=1) for _ in range(4)) == 3
        assert {str(trading.order(key).status) for key in good} == {"expired"}
        assert not trading.order(odd).is_terminal
        assert poison.aside("expire").order_id == odd
        assert expiry.sweep() == 0
        monkeypatch.undo()
        poison.wait(monkeypatch)
        assert expiry.sweep() == 1
    assert str(trading.order(odd).status) == "expired"


# --- prices ----------------------------------------------------------------------------------
def _stop(**changes: Any) -> str:
    terms = {"side": "sell", "ord_type": "stop", "limit_price": None, "stop_price": D(98)}
    return trading.submit(**{**terms, **changes})


def test_a_stop_that_cannot_be_released_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    odd, *good = [_stop() for _ in range(4)]
    poison.breaks(monkeypatch, triggers, "_release", odd)
    with _later(seconds=1):
        lists.quote("97.9", "98.1")
        assert triggers.drain(limit=2) == 3
        assert all(trading.order(key).triggered_at for key in good)
        assert trading.order(odd).triggered_at is None
        assert poison.aside("trigger").order_id == odd
        assert triggers.drain(limit=2) == 0


def test_a_level_that_cannot_be_worked_out_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = {"ord_type": "trailing_stop", "stop_price": None}
    odd, *good = [_stop(**terms, handling=Handling(trail_amount=D(1))) for _ in range(4)]
    poison.breaks(monkeypatch, trailing, "_follow", odd)
    with _later(seconds=1):
        lists.quote("99", "99.2")
        assert trailing.drain(limit=2) == 3
        assert all(trading.order(key).trigger_price == D(98) for key in good)
        assert trading.order(odd).trigger_price is None
        assert poison.aside("trail").order_id == odd


# --- amendments ------------------------------------------------------------------------------
def _held_up_by_a_dealer() -> str:
    order_id = quoting.staged(qty=D(10_000))
    quote = quoting.quoted(quoting.ask(order_id, qty=D(4000)), ((quoting.SWIFT, "99.30"),))
    quoting.hit(quote[quoting.SWIFT])
    assert story.amend(order_id, qty=6000).outcome == "pending"
    return order_id


def test_amendments_that_wait_for_dealers_hold_up_nobody_behind_them() -> None:
    first, second, third = (_held_up_by_a_dealer() for _ in range(3))
    child = VenueOrder.objects.get(order_id=third)
    trading.receive(trading.fill(child, 4000, cum=4000), venue_id=quoting.VENUE)
    assert sum(resuming.sweep(limit=1) for _ in range(3)) == 1
    assert str(trading.order(third).order_qty) == "6000.000000"
    assert trading.order(first).pending == trading.order(second).pending == "replace"


def test_an_amendment_that_cannot_go_on_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    odd, good = (_held_up_by_a_dealer() for _ in range(2))
    for child in VenueOrder.objects.order_by("id"):
        trading.receive(trading.fill(child, 4000, cum=4000), venue_id=quoting.VENUE)
    poison.breaks(monkeypatch, resuming, "_go_on", odd)
    assert resuming.sweep() == 1
    assert trading.order(good).pending == ""
    assert poison.aside("resume_replacing").order_id == odd


def _unanswered(count: int) -> list[str]:
    found = []
    for _ in range(count):
        order_id, _child = story.working()
        story.amend(order_id, qty=12_000)
        found.append(order_id)
    return found


def test_every_unanswered_replacement_is_asked_about_however_many_stay() -> None:
    found = _unanswered(3)
    with _later(minutes=2):
        for _ in range(3):
            assert stuck.sweep(limit=1) == 1
    told = Break.objects.filter(kind="replace_unanswered").values_list("order_id", flat=True)
    assert sorted(told) == sorted(found)


def test_a_replacement_that_cannot_be_asked_about_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, good = _unanswered(2)
    poison.breaks(monkeypatch, stuck, "_ask", odd)
    with _later(minutes=2):
        assert stuck.sweep() == 1
    assert Break.objects.get(kind="replace_unanswered").order_id == good
    assert poison.aside("ask_replacing").order_id == odd


# --- inquiries and lists ---------------------------------------------------------------------
def test_inquiries_that_cannot_be_looked_at_hold_up_none_behind_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, good = (quoting.ask(quoting.staged()) for _ in range(2))
    poison.breaks(monkeypatch, sweeping, "_work", odd.id)
    with _later(hours=1):
        assert sum(sweeping.sweep(limit=1) for _ in range(3)) == 1
    assert quoting.fresh(good).status == "expired"
    assert poison.aside("quote").order_id == odd.order_id


def test_a_list_that_cannot_be_settled_holds_up_none_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, _ = lists.made("oco", lists.profit(), lists.loss())
    good, _ = lists.made("oco", lists.profit(), lists.loss())
    one = trading.order(odd).order_list_id
    poison.breaks(monkeypatch, settling, "_let_go", odd)
    for _ in range(3):
        settling.drain(limit=1)
    assert trading.order(good).released_qty == D(10_000)
    assert poison.aside("settle_lists").order_id == odd
    assert OrderListWatch.objects.get(order_list_id=one).seen == 0


def test_a_schedule_that_stays_due_and_cannot_be_worked_is_tried_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, good = scheduling.staged(), scheduling.staged()
    for order_id in (odd, good):
        scheduling.started(order_id)
    tried = list[str]()
    look = sending._look

    def fail(turn: Any, one: Any, book: Any) -> None:
        tried.append(one.order.id)
        if one.order.id == odd:
            raise ValueError("odd")
        look(turn, one, book)

    monkeypatch.setattr(sending, "_look", fail)
    # It cannot even be paused.
    poison.breaks(monkeypatch, ending, "pause", odd)
    assert scheduling.run(0) == 1
    tried.clear()
    scheduling.run(1)
    assert tried == [good]
    assert poison.aside("run_schedules").key.startswith("run_schedules/")


# --- stopping --------------------------------------------------------------------------------
def _mass_cancel() -> Any:
    row, _ = mass_canceling.create(
        Selection(organization_id="alpha"), reason="test", by=trading.person(), at=clock.now()
    )
    return row


def test_an_order_that_cannot_be_asked_stops_no_mass_cancel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, *good = [trading.submit(bypass_auto_execution=True) for _ in range(4)]
    row = _mass_cancel()
    monkeypatch.setattr(mass_canceling, "MOST_AT_ONCE", 1)
    poison.breaks(monkeypatch, canceling, "_cancel", odd)
    for _ in range(5):
        mass_canceling.drain()
    assert {str(trading.order(key).status) for key in good} == {"canceled"}
    left = MassCancelOrder.objects.filter(mass_cancel=row, outcome="")
    assert list(left.values_list("order_id", flat=True)) == [odd]
    row.refresh_from_db()
    assert row.done_at is None
    assert poison.aside("stop").order_id == odd
    monkeypatch.undo()
    poison.wait(monkeypatch)
    mass_canceling.drain()
    row.refresh_from_db()
    assert row.done_at is not None


def test_a_mass_cancel_that_cannot_go_on_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    odd, good = _mass_cancel(), _mass_cancel()
    poison.breaks(monkeypatch, mass_canceling, "_note", min(odd.id, good.id))
    mass_canceling.drain()
    assert str(trading.order(order_id).status) == "canceled"
    assert poison.aside("drain_mass_cancels").organization_id == "alpha"


def _halt() -> Halt:
    by = trading.person("alpha_compliance")
    found = halting.target_of("organization", "", by=by)
    return halts.engage(found, reason="a test", cancels=True, by=by, at=clock.now())


def test_an_order_that_cannot_be_asked_stops_no_kill_switch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, *good = [trading.submit(bypass_auto_execution=True) for _ in range(4)]
    halt = _halt()
    poison.breaks(monkeypatch, canceling, "_cancel", odd)
    monkeypatch.setattr(halting, "MOST_AT_ONCE", 1)
    for _ in range(5):
        halting.drain()
    assert {str(trading.order(key).status) for key in good} == {"canceled"}
    assert str(Halt.objects.get(pk=halt.pk).status) == "draining"
    assert poison.aside("stop").order_id == odd


def test_a_switch_that_cannot_be_drained_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by, made = trading.person("alpha_compliance"), []
    order_id = trading.submit(bypass_auto_execution=True)
    for n, cusip in enumerate(("912810SX7", trading.BOND)):
        found, at = Target("instrument", cusip, cusip), clock.now() - timedelta(seconds=9 - n)
        made.append(halts.engage(found, reason="a test", cancels=True, by=by, at=at))
    poison.breaks(monkeypatch, halting, "selected", made[0].id)
    halting.drain()
    assert str(trading.order(order_id).status) == "canceled"
    assert poison.aside("drain_halts").organization_id == "alpha"


def _no_statement_takes(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    """The statement that asks all of them breaks, and so does whoever asks this one."""
    whole = at_once.ask

    def fail(work: Any, order_ids: Any, **facts: Any) -> Any:
        if odd in order_ids:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return whole(work, order_ids, **facts)

    monkeypatch.setattr(at_once, "ask", fail)
    poison.breaks(monkeypatch, canceling, "_cancel", odd)


def test_an_order_that_the_statement_for_all_cannot_take_stops_no_kill_switch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, *good = [_resting().order_id for _ in range(3)]
    halt = _halt()
    _no_statement_takes(monkeypatch, odd)
    assert halting.drain() == 2
    assert {trading.order(key).pending for key in good} == {"cancel"}
    assert trading.order(odd).pending == ""
    assert poison.aside("stop").order_id == odd
    assert not Break.objects.filter(key__startswith="drain_halts/").exists()
    for key in good:
        child = VenueOrder.objects.get(order_id=key)
        named = {"cl_ord_id": child.cancel_cl_ord_id, "orig_cl_ord_id": child.id}
        done = {"ord_status": OrdStatus.CANCELED, "leaves_qty": D(0), **named}
        trading.receive(trading.report(child, ExecType.CANCELED, **done))
    halting.drain()
    assert str(Halt.objects.get(pk=halt.pk).status) == "draining"


def test_an_order_that_the_statement_for_all_cannot_take_stops_no_mass_cancel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, *good = [_resting().order_id for _ in range(3)]
    _mass_cancel()
    _no_statement_takes(monkeypatch, odd)
    assert mass_canceling.drain() == 2
    assert {trading.order(key).pending for key in good} == {"cancel"}
    assert poison.aside("stop").order_id == odd


def test_an_order_under_a_switch_is_asked_again_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = _resting().order_id
    _halt()
    with monkeypatch.context() as broken:
        _no_statement_takes(broken, odd)
        halting.drain()
    assert halting.drain() == 0
    poison.wait(monkeypatch, timedelta(seconds=5))
    assert halting.drain() == 1
    assert trading.order(odd).pending == "cancel"


# --- routing ---------------------------------------------------------------------------------
def test_an_order_that_can_neither_be_routed_nor_staged_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = trading.submit()
    with _later(seconds=1):
        good = trading.submit()
        poison.breaks(monkeypatch, execution, "issue", odd)
        poison.breaks(monkeypatch, routing, "_stage", odd)
        assert routing.drain() == 1
        assert trading.order(good).execution_orders_made == 1
        assert trading.order(odd).route_at is not None
        assert poison.aside("route").order_id == odd
        assert routing.drain() == 0
        monkeypatch.undo()
        poison.wait(monkeypatch)
        assert routing.drain() == 1
    assert trading.order(odd).execution_orders_made == 1


# --- who was second ----------------------------------------------------------------------------
def test_a_list_that_lost_a_race_is_settled_at_the_same_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, _ = lists.made("oco", lists.profit(), lists.loss())
    poison.fails_once(monkeypatch, families, "lock", StaleVersion("a row changed under this unit"))
    assert settling.drain() == 1
    assert trading.order(first).released_qty == D(10_000)
    assert not Break.objects.exists()


@pytest.mark.parametrize("error", [StaleVersion("odd"), IntegrityError("odd")], ids=repr)
def test_who_loses_a_race_twice_is_put_aside(error: Exception) -> None:
    tried, aside = list[str](), list[str]()

    def work(key: str) -> int:
        tried.append(key)
        if key == "odd":
            raise error
        return 1

    done = draining.each(["odd", "good"], work, aside=lambda key, _: aside.append(key))
    assert (done, tried, aside) == (1, ["odd", "odd", "good"], ["odd"])


def test_what_breaks_by_itself_is_not_tried_twice() -> None:
    tried = list[str]()

    def work(key: str) -> int:
        tried.append(key)
        raise ValueError("odd")

    assert draining.each(["odd"], work, aside=lambda *_: None) == 0
    assert tried == ["odd"]


# --- breakers --------------------------------------------------------------------------------
def test_a_notice_that_cannot_be_obeyed_holds_up_none_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cusip in ("912810SX7", trading.BOND):
        SecurityNotice.objects.create(
            venue_id=trading.VENUE, security_id=cusip, trading_status=2, said_at=clock.now()
        )
    poison.breaks(monkeypatch, breakers, "security_status", "912810SX7")
    assert breaking.obey()
    assert set(Halt.objects.values_list("target", flat=True)) == {trading.BOND}
    assert poison.aside("obey")
    # What failed once is no reason to go on trading it: it is tried again at the next look.
    monkeypatch.undo()
    assert breaking.obey()
    assert set(Halt.objects.values_list("target", flat=True)) == {trading.BOND, "912810SX7"}
    assert not SecurityNotice.objects.filter(done_at=None).exists()


def _said(cusip: str, status: int) -> SecurityNotice:
    return SecurityNotice.objects.create(
        venue_id=trading.VENUE, security_id=cusip, trading_status=status, said_at=clock.now()
    )


def test_halts_that_cannot_be_obeyed_starve_none_behind_their_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        _said("912810SX7", 2)
    good = _said(trading.BOND, 2)
    poison.breaks(monkeypatch, breakers, "security_status", "912810SX7")
    monkeypatch.setattr(breaking, "_MOST", 2)
    for _ in range(2):
        breaking.obey()
    good.refresh_from_db()
    assert good.done_at is not None


def test_an_end_of_a_halt_that_cannot_be_obeyed_is_noted_and_it_stays_halted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _said(trading.BOND, 2)
    breaking.obey()
    end = _said(trading.BOND, 3)
    poison.breaks(monkeypatch, breakers, "security_status", trading.BOND)
    breaking.obey()
    end.refresh_from_db()
    assert end.note == "not obeyed: ValueError"
    assert Halt.objects.exclude(released_at=None).count() == 0


def test_a_halt_that_was_not_obeyed_before_its_end_is_not_obeyed_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    halt, end = _said(trading.BOND, 2), _said(trading.BOND, 3)
    ask = breakers.security_status

    def fail(cusip: str, *, halted: bool, **kwargs: Any) -> int:
        if halted:
            raise ValueError("odd")
        return ask(cusip, halted=halted, **kwargs)

    monkeypatch.setattr(breakers, "security_status", fail)
    breaking.obey()
    end.refresh_from_db()
    assert (end.done_at, end.note) == (clock.now(), "")
    monkeypatch.undo()
    assert breaking.obey() == 0
    halt.refresh_from_db()
    assert (halt.done_at, halt.note) == (clock.now(), "a later word of the venue was obeyed")
    assert not Halt.objects.exists()


def test_a_breaker_that_cannot_be_asked_keeps_no_other_from_halting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Breaker.objects.all().delete()
    odd = Breaker.objects.create(
        organization_id="alpha", name="odd", kind="price_move", percent=D(10)
    )
    Breaker.objects.create(organization_id="alpha", name="full", kind="capacity", most=10)
    poison.breaks(monkeypatch, breakers, "_moved", odd.pk)
    assert breakers.look(backlog=lambda: 11, at=clock.now()) == 1
    assert poison.aside("breaker").organization_id == "alpha"


def test_what_breaks_before_a_row_was_taken_is_nobodys_fault_and_is_not_hidden() -> None:
    def fail(taken: list[str]) -> int:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        draining.safely(fail, lambda _: 1, aside=lambda *_: None)
    assert not Break.objects.exists()


def test_orders_are_put_aside_in_one_process_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    aside = draining.Aside("test")
    aside.put("one", ValueError("odd"))
    assert aside.keys() == ["one"]
    poison.wait(monkeypatch)
    assert aside.keys() == []


def test_turns_reach_everything_and_begin_again() -> None:
    keys = sorted(trading.submit(bypass_auto_execution=True) for _ in range(5))
    turns, rows = draining.Turns(), Order.objects.all()
    seen = [one.id for _ in range(5) for one in turns.page(rows, 2)]
    assert seen == [keys[n % 5] for n in range(10)]
