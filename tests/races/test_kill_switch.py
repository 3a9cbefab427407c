"""Engaging a kill switch against everything that makes orders move, over real connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import pytest
from django.db import connection, transaction

from controls import halts
from controls.halts import scopes
from controls.models import Halt
from oms_site import later
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, halting, last_look, routing
from orders.desk import canceling
from orders.desk import drafts as drafts_room
from orders.models import Order, VenueOrder
from orders.stopping import asking, at_once, hands
from tests import poison, trading
from tests.product import until
from tests.races.racing import race, same
from venues import transmission
from venues.connection import Connection, Handlers
from venues.models import Outbound


def _engage() -> str:
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    try:
        halts.engage(target, reason="a race", cancels=False, by=by, at=clock.now())
    except OmsError as refusal:
        return refusal.code
    return "engaged"


def _submit() -> str:
    result = desk.submit([trading.request()])[0]
    assert result.error is None
    return result.order_id


@pytest.mark.parametrize("round_", range(3))
def test_nothing_that_passed_is_committed_after_the_switch(
    committed_sandbox: datetime, round_: int
) -> None:
    said = race(*same(_submit, 6), _engage)
    assert said[-1] == "engaged"
    switch = Event.objects.get(event_type="trading_halt")
    passed = Order.objects.filter(status="pending_execution").values_list("id", flat=True)
    approvals = Event.objects.filter(event_type="approve", subject__in=list(passed))
    assert all(event.id < switch.id for event in approvals)
    assert trading.order(_submit()).reject_code == "kill_switch"


def test_eight_people_engage_one_switch(committed_sandbox: datetime) -> None:
    said = race(*same(_engage, 8))
    assert sorted(said) == ["already_engaged"] * 7 + ["engaged"]
    assert Halt.objects.count() == 1


def test_a_batch_that_has_entered_is_waited_for(
    committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on, stood = threading.Event(), threading.Event(), list[int]()
    original = drafts_room.screen

    def slow(drafts: list[Any], **facts: Any) -> None:
        original(drafts, **facts)
        inside.set()
        go_on.wait(60)

    def submit() -> str:
        monkeypatch.setattr(drafts_room, "screen", slow)
        return _submit()

    def engage() -> str:
        inside.wait(60)
        threading.Timer(0.3, go_on.set).start()
        said = _engage()
        stood.append(Order.objects.count())
        return said

    race(submit, engage)
    assert stood == [1]


def test_what_was_approved_before_is_not_routed_after(committed_sandbox: datetime) -> None:
    _submit()
    assert _engage() == "engaged"
    race(*same(routing.drain, 4))
    assert not Outbound.objects.filter(kind="D").exists()


class _Wire:
    """A venue's wire that a test can hold up in the middle of a send; it tells when it is over."""

    def __init__(self, story: list[str] | None = None) -> None:
        self.sent: list[Any] = []
        self.story = [] if story is None else story
        self.writing, self.go_on = threading.Event(), threading.Event()

    async def send(self, messages: Sequence[Any]) -> None:
        self.writing.set()
        await asyncio.to_thread(self.go_on.wait, 30)
        self.sent += messages
        self.story.append(f"sent {len(messages)}")


def _send_due(wire: _Wire) -> None:
    """What the gateway does with what is due, in a loop of its own."""
    handlers = Handlers(
        apply=lambda *_: None, unreadable=lambda *_: None, before_wire=last_look.before_wire
    )

    async def run() -> None:
        one = Connection("SIMA", lambda: cast(Any, wire), handlers)
        due = await one._db(transmission.take_due, "SIMA")
        await one._look_and_send(cast(Any, wire), due)
        await one._passage.close()

    asyncio.run(run())


def _waiting_for_the_entrance() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND objid = %s AND database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database())",
            [generation.ENTRANCE],
        )
        return bool(cursor.fetchone()[0])


def test_a_switch_waits_for_the_send_that_has_looked(committed_sandbox: datetime) -> None:
    trading.routed()
    order: list[str] = []
    wire = _Wire(order)

    def send() -> None:
        _send_due(wire)

    def engage() -> None:
        assert wire.writing.wait(30)
        _engage()
        order.append("engaged")

    def watch() -> None:
        # Nobody writes on before the switch either waits or, wrongly, has engaged.
        assert wire.writing.wait(30)
        until(lambda: order or _waiting_for_the_entrance(), seconds=30, what="the switch")
        wire.go_on.set()

    race(send, engage, watch)
    assert order == ["sent 1", "engaged"]


def test_a_send_that_comes_during_a_switch_sees_it(
    committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = trading.routed()
    wire, shut, go_on = _Wire(), threading.Event(), threading.Event()
    wire.go_on.set()
    original = scopes.tell

    def slow(*args: Any, **facts: Any) -> None:
        shut.set()
        assert go_on.wait(30)
        original(*args, **facts)

    monkeypatch.setattr("controls.halts.stopping.tell", slow)

    def send() -> None:
        assert shut.wait(30)
        _send_due(wire)

    def watch() -> None:
        assert shut.wait(30)
        until(lambda: wire.sent or _waiting_for_the_entrance(), seconds=30, what="the sender")
        go_on.set()

    def engage() -> None:
        assert _engage() == "engaged"

    race(send, engage, watch)
    assert wire.sent == []
    assert VenueOrder.objects.get(pk=child.pk).status == "rejected"


def test_several_hands_ask_each_order_once(
    committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "MANY", 2)
    monkeypatch.setattr(hands, "LONGEST", 3)
    orders = [_submit() for _ in range(8)]
    routing.drain()
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    halts.engage(target, reason="a race", cancels=True, by=by, at=clock.now())
    asked = race(*same(halting.drain, 3))
    assert sum(asked) == 8
    said = Event.objects.filter(event_type="cancel_request", subject__in=orders)
    assert said.count() == 8
    assert Outbound.objects.filter(kind="F").count() == 8
    assert Halt.objects.get().status == "draining"


@pytest.mark.parametrize("chunk", [1, 4])
def test_an_order_that_breaks_one_hand_keeps_the_others_from_nothing(
    committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(halting, "MANY", 1)
    monkeypatch.setattr(hands, "HANDS", 1)
    monkeypatch.setattr(hands, "LONGEST", chunk)
    orders = sorted(_submit() for _ in range(4))
    routing.drain()
    odd, *good = orders
    whole = at_once.ask

    def fail(work: Any, order_ids: Sequence[str], **facts: Any) -> Any:
        if odd in order_ids:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return whole(work, order_ids, **facts)

    monkeypatch.setattr(at_once, "ask", fail)
    poison.breaks(monkeypatch, canceling, "_cancel", odd)
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    halts.engage(target, reason="a race", cancels=True, by=by, at=clock.now())
    assert halting.drain() == 3
    assert {trading.order(key).pending for key in good} == {"cancel"}
    assert trading.order(odd).pending == ""
    assert poison.aside("stop").order_id == odd


def test_a_page_that_one_order_breaks_is_asked_by_halves(
    committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "MANY", 1)
    monkeypatch.setattr(hands, "HANDS", 1)
    monkeypatch.setattr(asking, "FEW", 1)
    orders = [_submit() for _ in range(8)]
    routing.drain()
    odd, whole, slow = sorted(orders)[3], at_once.ask, list[str]()

    def fail(work: Any, order_ids: Sequence[str], **facts: Any) -> Any:
        asked = whole(work, order_ids, **facts)
        if odd in order_ids:
            # Only now, when all of the page has been written.
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return asked

    def singly(order_ids: Sequence[str], **facts: Any) -> Any:
        slow.extend(order_ids)
        return original(order_ids, **facts)

    original = asking.singly
    monkeypatch.setattr(at_once, "ask", fail)
    monkeypatch.setattr(asking, "singly", singly)
    _stop_all()
    assert halting.drain() == 8
    assert slow == [odd]
    said = Event.objects.filter(event_type="cancel_request").order_by("subject")
    assert list(said.values_list("subject", flat=True)) == sorted(orders)


def test_what_others_hold_is_asked_while_the_hands_are_still_at_it(
    committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "MANY", 1)
    staged = [_submit_staged() for _ in range(2)]
    working = [_submit() for _ in range(6)]
    routing.drain()
    held, told, whole = working[0], threading.Event(), at_once._plain
    holds, free = threading.Event(), threading.Event()

    def plain(order_ids: Sequence[str]) -> list[str]:
        found = whole(order_ids)
        assert held not in found
        told.set()
        return found

    monkeypatch.setattr(at_once, "_plain", plain)

    def hold() -> None:
        with transaction.atomic():
            Order.objects.select_for_update().get(pk=held)
            holds.set()
            assert free.wait(30)

    def watch() -> None:
        # The pages are let by it; the hand that asks singly waits for it.
        assert told.wait(30)
        until(_somebody_waits_for_a_row, seconds=30, what="the order to be waited for")
        free.set()

    def drain() -> int:
        assert holds.wait(30)
        return halting.drain()

    _stop_all()
    assert race(hold, watch, drain)[-1] == 8
    assert {trading.order(key).pending for key in working} == {"cancel"}
    assert {trading.order(key).status for key in staged} == {"canceled"}


def test_the_process_that_engages_asks_at_once(
    committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "silent", False)
    rung: list[str] = []
    monkeypatch.setattr(later, "_want", rung.append)
    order_id = _submit()
    routing.drain()
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    facts: dict[str, Any] = {"reason": "a race", "mode": "halt", "by": by, "at": clock.now()}
    halting.engage(target, cancels=True, **facts)
    until(lambda: trading.order(order_id).pending == "cancel", seconds=30, what="the cancel")
    # Whatever becomes of this process, a worker hears of it as well.
    assert "orders.tasks.drain_halts" in rung
    until(lambda: not [t for t in threading.enumerate() if t.name == "begun"], what="its end")


def test_a_switch_that_cancels_nothing_asks_nothing(
    committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(later, "begin", begun.append)
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    facts: dict[str, Any] = {"reason": "a race", "mode": "halt", "by": by, "at": clock.now()}
    halting.engage(target, cancels=False, **facts)
    assert begun == []


def _stop_all() -> None:
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    halts.engage(target, reason="a race", cancels=True, by=by, at=clock.now())


def _submit_staged() -> str:
    result = desk.submit([trading.request(bypass_auto_execution=True)])[0]
    assert result.error is None
    return result.order_id


def _somebody_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN"
            " ('transactionid', 'tuple')"
        )
        return bool(cursor.fetchone()[0])
