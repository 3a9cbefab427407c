"""A venue's connection: whatever breaks in it, it can still be told to end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from venues import connection
from venues.connection import Connection, Handlers
from venues.gateways.port import GatewayError

BREAKS = (OperationalError("gone"), GatewayError("venue_silent", "x"), OSError("cut"))


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
