"""Engaging a kill switch against everything that makes orders move, over real connections."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest

from controls import halts
from controls.models import Halt
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, halting, routing
from orders.desk import drafts as drafts_room
from orders.models import Order
from tests import trading
from tests.races.racing import race, same
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
    inside, go_on, order = threading.Event(), threading.Event(), list[str]()
    original = drafts_room.screen

    def slow(drafts: list[Any]) -> None:
        original(drafts)
        inside.set()
        go_on.wait(5)

    def submit() -> str:
        monkeypatch.setattr(drafts_room, "screen", slow)
        made = _submit()
        order.append("submitted")
        return made

    def engage() -> str:
        inside.wait(5)
        threading.Timer(0.3, go_on.set).start()
        said = _engage()
        order.append("engaged")
        return said

    race(submit, engage)
    assert order == ["submitted", "engaged"]


def test_what_was_approved_before_is_not_routed_after(committed_sandbox: datetime) -> None:
    _submit()
    assert _engage() == "engaged"
    race(*same(routing.drain, 4))
    assert not Outbound.objects.filter(kind="D").exists()
