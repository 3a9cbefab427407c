"""One follower of books and tapes per web process, shared by all sockets that watch some.

The gateway says over Redis which books changed; ten times a second the changed ones that somebody
watches are read, once for all. Without Redis everything watched is looked at each second, and what
is not renewed grows stale by its age.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import redis.asyncio
from django.conf import settings

from oms_site.firm.database import in_thread
from venues.market_data.cache import CHANNEL
from venues.market_data.shelf import as_seen, shelf, tape_shelf, tapes_as_seen
from venues.orderbook import Composite, VenueBook
from venues.tapes import Tapes, VenueTape

log = logging.getLogger(__name__)
READ_EVERY_SECONDS = 0.1
_PATIENCE_SECONDS = 1.0


class Watcher:
    """What one socket has not been told yet."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.changed: set[str] = set()
        self.bell = asyncio.Event()


class Hub:
    """The books that somebody in this process watches."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._wanted: Counter[str] = Counter()
        self._books: dict[str, tuple[VenueBook, ...]] = {}
        self._tapes: dict[str, tuple[VenueTape, ...]] = {}
        self._dirty: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def watch(self, watcher: Watcher, names: Iterable[str]) -> None:
        """Have a socket told of these; their books are here when this returns."""
        fresh = set(names) - watcher.names
        self._watchers.add(watcher)
        watcher.names |= fresh
        self._wanted.update(fresh)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        books, tapes = await in_thread(_read, fresh)
        self._books.update(books)
        self._tapes.update(tapes)

    def unwatch(self, watcher: Watcher, names: Iterable[str]) -> None:
        """Tell a socket no more of these."""
        gone = set(names) & watcher.names
        watcher.names -= gone
        watcher.changed -= gone
        self._wanted.subtract(gone)
        for name in gone:
            if self._wanted[name] <= 0:
                del self._wanted[name]
                self._books.pop(name, None)
                self._tapes.pop(name, None)

    def leave(self, watcher: Watcher) -> None:
        """A socket is gone."""
        self.unwatch(watcher, set(watcher.names))
        self._watchers.discard(watcher)
        if not self._watchers and self._task is not None:
            self._task.cancel()
            self._task = None

    def books(self, name: str, *, at: datetime) -> Composite:
        """A watched security's books as they count at a moment."""
        return as_seen(name, self._books.get(name, ()), at=at)

    def tapes(self, name: str, *, at: datetime) -> Tapes:
        """A watched security's tapes as they count at a moment."""
        return tapes_as_seen(name, self._tapes.get(name, ()), at=at)

    async def _follow(self) -> None:
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                await asyncio.sleep(READ_EVERY_SECONDS)
                dirty, self._dirty = self._dirty & set(self._wanted), set()
                if dirty:
                    await self._read(dirty)
        finally:
            listening.cancel()

    async def _read(self, names: set[str]) -> None:
        books, tapes = await in_thread(_read, names)
        self._books.update((name, rows) for name, rows in books.items() if name in self._wanted)
        self._tapes.update((name, rows) for name, rows in tapes.items() if name in self._wanted)
        for watcher in self._watchers:
            mine = watcher.names & books.keys()
            if mine:
                watcher.changed |= mine
                watcher.bell.set()

    async def _listen(self) -> None:
        """Take notice of what changed, or of the silence in which anything may have."""
        while True:
            try:
                await self._hear()
            except (redis.RedisError, OSError) as error:
                log.warning("the books' changes cannot be heard: %s", error)
            self._dirty |= set(self._wanted)
            await asyncio.sleep(_PATIENCE_SECONDS)

    async def _hear(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            async with client.pubsub() as channel:
                await channel.subscribe(shelf.name(CHANNEL))
                while True:
                    said = await channel.get_message(
                        ignore_subscribe_messages=True, timeout=_PATIENCE_SECONDS
                    )
                    if said is not None:
                        self._dirty.update(said["data"].decode().split(","))
        finally:
            await client.aclose()


def _read(
    names: Iterable[str],
) -> tuple[dict[str, tuple[VenueBook, ...]], dict[str, tuple[VenueTape, ...]]]:
    wanted = set(names)
    return shelf.read(wanted), tape_shelf.read(wanted)


_hubs: dict[int, Hub] = {}


def hub() -> Hub:
    """The hub of the running event loop."""
    return _hubs.setdefault(id(asyncio.get_running_loop()), Hub())
