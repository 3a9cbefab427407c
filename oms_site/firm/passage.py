"""The entrance held open over work that leaves the database: a look and the send that follows it.

`generation.enter` holds it for a transaction; nothing outside may be called inside one. So whoever
sends holds it on a connection of its own, outside any transaction, and whoever shuts it waits until
the send is over. A connection that breaks off gives the lock back; its user must stop then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from oms_site.firm.database import conninfo
from oms_site.firm.generation import ENTRANCE

_Link = psycopg.AsyncConnection[tuple[object, ...]]


class PassageLost(ConnectionError):
    """The connection that held the entrance is gone: nothing may be sent."""


class Passage:
    """One sender's way through the entrance; used by one task at a time."""

    def __init__(self) -> None:
        self._link: _Link | None = None

    @asynccontextmanager
    async def inside(self) -> AsyncIterator[None]:
        """Nobody shuts the entrance while the block runs. Raises `PassageLost`."""
        await self._say("pg_advisory_lock_shared")
        try:
            yield
        except BaseException:
            await self.close()
            raise
        await self._say("pg_advisory_unlock_shared")

    async def close(self) -> None:
        """Give back the connection, and with it whatever it holds."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _say(self, function: str) -> None:
        try:
            if self._link is None:
                self._link = await psycopg.AsyncConnection.connect(**conninfo(), autocommit=True)
            await self._link.execute(f"SELECT {function}({ENTRANCE})")
        except psycopg.Error as error:
            await self.close()
            raise PassageLost(str(error)) from error
        except BaseException:
            # Canceled in the middle: nobody knows whether it is held.
            await self.close()
            raise
