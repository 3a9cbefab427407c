"""A session never carries more in a second than its venue takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from oms_site.kit import clock
from venues import messages
from venues.connection import Connection, Handlers
from venues.pacing import NO_LIMIT, Pace


class Watch:
    """Time that only passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    one = Watch()
    monkeypatch.setattr(clock, "monotonic", lambda: one.now)
    monkeypatch.setattr(asyncio, "sleep", one.sleep)
    return one


def test_without_a_limit_there_is_always_room(watch: Watch) -> None:
    pace = Pace()
    pace.begin(10_000)
    assert pace.room() == NO_LIMIT


def test_room_comes_back_a_good_second_after_the_messages_have_gone(watch: Watch) -> None:
    pace = Pace(50)
    booked = pace.begin(50)
    watch.now += 0.4
    pace.end(booked)
    watch.now += 0.7
    assert pace.room() == 0
    assert asyncio.run(pace.wait()) == 50
    assert watch.now == pytest.approx(1_001.45)


class Wire:
    """A gateway that writes down when what was sent."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.sent: list[float] = []

    async def send(self, out: Sequence[messages.WireOut]) -> None:
        self.watch.now += 0.03
        self.sent += [self.watch.now] * len(out)


def test_a_connection_sends_everything_and_never_more_than_fifty_a_second(watch: Watch) -> None:
    one = Connection(
        "SIMA",
        cast(Any, None),
        Handlers(apply=lambda *_: None, unreadable=lambda *_: None),
    )
    one._pace.limit = 50
    wire = Wire(watch)
    out = [
        messages.CancelRequest(
            cl_ord_id=f"c{n}",
            orig_cl_ord_id=f"o{n}",
            security_id="037833DP2",
            side="1",
            transact_time=datetime(2026, 11, 23, 15, tzinfo=UTC),
        )
        for n in range(330)
    ]

    async def story() -> None:
        for n in range(0, 330, 33):
            await one._send(cast(Any, wire), out[n : n + 33])

    asyncio.run(story())
    assert len(wire.sent) == 330
    for first in wire.sent:
        assert sum(first <= at < first + 1.0 for at in wire.sent) <= 50
