"""A venue's connection: whatever breaks in it, it can still be told to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import OperationalError

from venues import connection, inbox
from venues.connection import Connection, Handlers
from venues.gateways.port import Frame, GatewayError, Line

BREAKS = (
    RuntimeError("odd"),
    OperationalError("gone"),
    GatewayError("venue_silent", "x"),
    OSError("cut"),
)


def _connection() -> Connection:
    handlers = Handlers(apply=lambda venue, rows: None, unreadable=lambda venue, text, why: None)
    return Connection("SIMA", lambda: None, handlers)  # type: ignore[arg-type,return-value]  # unused


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_a_fault_at_the_moment_of_a_cancel_does_not_hide_the_cancel(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The database and the bell are lost together: a connection that lived on would be deaf."""

    async def session(self: Connection, gateway: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ExceptionGroup("both at once", [error]) from None

    async def story() -> None:
        running = asyncio.create_task(_connection().run())
        await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=5)
        assert running in done
        assert running.cancelled()

    monkeypatch.setattr(Connection, "_session", session)
    asyncio.run(story())


def test_a_fault_in_one_of_its_tasks_is_followed_by_another_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = []

    async def fail() -> None:
        raise OSError("cut")

    async def session(self: Connection, gateway: Any) -> None:
        tries.append(gateway)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.sleep(60))
            if len(tries) < 5:
                tasks.create_task(fail())

    async def story() -> None:
        running = asyncio.create_task(_connection().run())
        async with asyncio.timeout(5):
            while len(tries) < 5:
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running}, timeout=5)
        assert running.cancelled()

    monkeypatch.setattr(Connection, "_session", session)
    monkeypatch.setattr(connection, "RETRY_SECONDS", 0)
    asyncio.run(story())


def test_a_fault_that_nobody_foresaw_is_told_and_ends_no_other_venue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[str, str, str]] = []
    tries = []

    def gateway() -> Any:
        tries.append(1)
        raise RuntimeError("odd")

    async def story() -> None:
        handlers = Handlers(
            apply=lambda venue, rows: None,
            unreadable=lambda venue, text, why: None,
            trouble=lambda *said: told.append(said),
        )
        running = asyncio.create_task(Connection("SIMA", gateway, handlers).run())
        async with asyncio.timeout(5):
            while len(tries) < 3 and not running.done():
                await asyncio.sleep(0)
        assert not running.done()
        running.cancel()
        await asyncio.wait({running}, timeout=5)
        assert running.cancelled()

    monkeypatch.setattr(connection, "RETRY_SECONDS", 0)
    monkeypatch.setattr(connection, "HOPELESS_SECONDS", 0)
    asyncio.run(story())
    assert told[0] == ("SIMA", "session_failed", "RuntimeError: odd")


class Quiet:
    """A gateway whose venue has said so many reports, and says no more."""

    def __init__(self, last: int, line: Line) -> None:
        self._last, self._line, self.closed, self.caught = last, line, False, False

    async def connect(self, next_seq: int) -> int:
        return self._last

    async def send(self, messages: Any) -> None:
        raise GatewayError("venue_disconnected", "nothing is sent")

    async def receive(self) -> AsyncIterator[list[Frame]]:
        raise GatewayError("venue_disconnected", "nothing is said")
        yield []

    def line(self) -> Line:
        return self._line

    async def caught_up(self) -> None:
        self._line, self.caught = Line(), True

    async def close(self) -> None:
        self.closed = True


def _session(monkeypatch: pytest.MonkeyPatch, gateway: Quiet) -> tuple[BaseException, list[str]]:
    """How a session ends that begins at report 6, and whose orders were asked about in it."""
    asked: list[str] = []
    handlers = Handlers(
        apply=lambda venue, rows: None,
        unreadable=lambda venue, text, why: None,
        ask_all=asked.append,
    )

    async def known(self: Connection, work: Any, *args: Any) -> Any:
        if work is handlers.ask_all:
            return work(*args)
        return 6 if work is inbox.next_seq else {}

    monkeypatch.setattr(Connection, "_db", known)
    monkeypatch.setattr(Connection, "_send", lambda *args: asyncio.sleep(0))
    monkeypatch.setattr(Connection, "_keep_sending", lambda *args: asyncio.sleep(60))
    one = Connection("SIMA", lambda: gateway, handlers)
    with pytest.raises((GatewayError, ExceptionGroup)) as ended:
        asyncio.run(one._once())
    assert gateway.closed
    return ended.value, asked


def test_a_venue_that_counts_its_reports_from_the_start_again_needs_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended, _ = _session(monkeypatch, Quiet(0, Line()))
    assert isinstance(ended, GatewayError)
    assert (ended.code, ended.permanent) == ("reports_restarted", True)


@pytest.mark.parametrize("last", [5, 9])
def test_a_venue_that_has_said_what_we_have_or_more_goes_on(
    monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    ended, asked = _session(monkeypatch, Quiet(last, Line()))
    assert isinstance(ended, ExceptionGroup)
    assert asked == []


def test_after_numbers_that_began_anew_every_order_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, asked = _session(monkeypatch, Quiet(5, Line(anew=True)))
    assert asked == ["SIMA"]


@pytest.mark.parametrize("breaks", [False, True])
def test_it_is_caught_up_when_the_questions_have_been_sent_and_not_before(
    monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    gateway, queue = Quiet(5, Line(anew=True)), [["a question"], ["another"]]

    async def take(self: Connection) -> list[str]:
        return queue.pop(0) if queue else []

    async def send(self: Connection, gateway: Quiet, due: list[str]) -> None:
        assert not gateway.caught
        if breaks and not queue:
            raise GatewayError("venue_disconnected", "gone")

    async def story() -> None:
        sending = asyncio.create_task(_connection()._keep_sending(gateway))
        async with asyncio.timeout(5):
            while not (gateway.caught or sending.done()):
                await asyncio.sleep(0)
        assert sending.done() is breaks
        sending.cancel()
        with pytest.raises((GatewayError, asyncio.CancelledError)):
            await sending

    monkeypatch.setattr(Connection, "_take_due", take)
    monkeypatch.setattr(Connection, "_look_and_send", send)
    asyncio.run(story())
    assert gateway.caught is not breaks
