"""Many hands on schedules at the same moment: every slice is sent once, and never too much."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection

from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import desk
from orders.models import ExecutionOrder, ScheduleSlice, VenueOrder
from orders.schedules import commands, sending
from tests import scheduling, trading
from tests.races.racing import race, same
from venues.models import Outbound

D = Decimal
pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


def _check_once(orders: list[str]) -> None:
    sent = ScheduleSlice.objects.exclude(execution_order=None)
    assert sent.count() == ExecutionOrder.objects.count() == VenueOrder.objects.count()
    assert Outbound.objects.filter(kind="D").count() == sent.count()
    for order_id in orders:
        trading.check_tree(order_id)


def test_drains_that_run_at_once_send_every_slice_once() -> None:
    orders = [scheduling.staged(client_order_id=f"c{n}") for n in range(20)]
    for order_id in orders:
        scheduling.started(order_id)
    moved = race(*same(partial(sending.drain, limit=3), 4))
    assert sum(moved) == 20
    assert sum(race(*same(partial(sending.drain, limit=3), 4))) == 0
    assert [scheduling.sent(order_id) for order_id in orders] == [[1000]] * 20
    _check_once(orders)


def test_a_drain_that_dies_before_its_commit_has_sent_nothing_and_the_next_sends_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order_id = scheduling.staged()
    scheduling.started(order_id)
    flush = Unit.flush

    def die(self: Unit, *, commit: bool) -> None:
        flush(self, commit=False)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(Unit, "flush", die)
    with pytest.raises(OperationalError):
        sending.drain()
    connection.close()
    monkeypatch.undo()
    assert not ExecutionOrder.objects.exists()
    assert not Outbound.objects.exists()
    assert sending.drain() == 1
    assert sending.drain() == 0
    assert scheduling.sent(order_id) == [1000]
    _check_once([order_id])


def test_a_process_that_dies_after_its_commit_leaves_one_message_to_send() -> None:
    order_id = scheduling.staged()
    scheduling.started(order_id)
    sending.drain()
    connection.close()
    # Nobody has sent it yet: it waits in the table, and no drain makes another.
    assert sum(race(*same(sending.drain, 4))) == 0
    (message,) = Outbound.objects.all()
    assert (message.kind, message.sent_at) == ("D", None)
    _check_once([order_id])


def test_a_slice_and_a_hand_never_take_more_than_is_open() -> None:
    order_id = scheduling.staged()
    scheduling.started(order_id, slices=2, minutes=2)
    trader = scheduling.trader()

    def take() -> str:
        made = desk.execute(order_id, trading.instruction(6000), by=trader, at=clock.now())
        return made.error.code if made.error else ""

    race(take, sending.drain, take, sending.drain)
    taken = ExecutionOrder.objects.filter(order_id=order_id).values_list("qty", flat=True)
    assert sum(taken) <= 10_000
    trading.check_tree(order_id)


@pytest.mark.parametrize("how", ["pause", "cancel", "order"])
def test_stopping_races_with_sending_and_one_of_them_is_first(how: str) -> None:
    orders = [scheduling.staged(client_order_id=f"c{n}") for n in range(6)]
    for order_id in orders:
        scheduling.started(order_id)
    trader = scheduling.trader()

    def stop() -> None:
        for order_id in orders:
            if how == "order":
                desk.cancel([order_id], by=trader, at=clock.now())
            else:
                act: Any = commands.pause if how == "pause" else commands.cancel
                act(order_id, by=trader, at=clock.now())

    race(stop, sending.drain, sending.drain)
    sending.drain()
    expected = {"pause": {"paused"}, "cancel": {"canceled"}, "order": {"canceled"}}[how]
    assert {str(scheduling.now(order_id).status) for order_id in orders} == expected
    assert all(scheduling.sent(order_id) in ([], [1000]) for order_id in orders)
    _check_once(orders)


def test_one_client_id_starts_one_schedule() -> None:
    orders = [scheduling.staged(client_order_id=f"c{n}") for n in range(4)]
    asked = scheduling.asked(client_schedule_id="once")
    trader = scheduling.trader()

    def start(order_id: str) -> str:
        made = commands.start(order_id, asked, by=trader, at=clock.now())
        return made.error.code if made.error else ""

    answers = race(*(partial(start, order_id) for order_id in orders * 2))
    assert sorted(set(answers)) == ["", "idempotency_conflict"]
    assert answers.count("") == 2
    assert ScheduleSlice.objects.count() == 10
