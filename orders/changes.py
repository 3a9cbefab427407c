"""What changed on one organization's desk, read once per web process and shared by its screens.

The feed says which orders moved; their rows are read together, at most ten times a second, and
every field remembers the position at which it last changed. A screen asks for everything after the
position it has, so a slow one gets fewer and larger answers and nothing waits in memory for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from oms_site.firm import generation
from oms_site.journal.hub import hub
from orders import picture
from orders.picture import Row

log = logging.getLogger(__name__)
T = TypeVar("T")
PACE_SECONDS = 0.1
_KEEP = 5_000
_FRAMES = 5_000
_PATIENCE_SECONDS = 1.0


@dataclass(slots=True)
class _Entry:
    """One order's row, and the feed position at which each field last changed."""

    row: Row
    at: int
    since: dict[str, int] = field(default_factory=dict)

    def take(self, row: Row, position: int) -> bool:
        moved = [name for name, value in row.items() if self.row.get(name) != value]
        self.row, self.at = row, position if moved else self.at
        self.since.update(dict.fromkeys(moved, position))
        return bool(moved)

    def after(self, position: int) -> Row:
        changed = {name: self.row[name] for name, at in self.since.items() if at > position}
        return {**changed, "id": self.row["id"]}


class Changes:
    """The newest changes of one organization. `floor` is the oldest position it can answer from."""

    def __init__(self, organization_id: str) -> None:
        self.organization_id = organization_id
        self.position = self.floor = -1
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._listeners: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def join(self) -> asyncio.Event:
        """Listen: the event is set whenever the position has moved. Starts reading if need be."""
        async with self._opening:
            if self.position < 0:
                self.position = self.floor = await hub().last(self.organization_id)
        bell = asyncio.Event()
        self._listeners.add(bell)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_reading())
        return bell

    def leave(self, bell: asyncio.Event) -> None:
        """Stop listening; the last one out stops the reading."""
        self._listeners.discard(bell)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None
            _watched.pop((id(asyncio.get_running_loop()), self.organization_id), None)

    def after(self, position: int) -> list[Row] | None:
        """The changed fields of every row after a position; None when that is too long ago."""
        if position < self.floor or position > self.position:
            return None
        found: list[Row] = []
        for entry in reversed(self._entries.values()):
            if entry.at <= position:
                break
            found.append(entry.after(position))
        found.reverse()
        return found

    async def _keep_reading(self) -> None:
        while True:
            try:
                await self._read()
                await asyncio.sleep(PACE_SECONDS)
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001  the database will be back; screens show staleness
                log.warning("the desk of %s could not be read", self.organization_id)
                await asyncio.sleep(_PATIENCE_SECONDS)

    async def _read(self) -> None:
        source = hub()
        await source.wait(self.organization_id, self.position, seconds=_PATIENCE_SECONDS)
        frames = await source.after(self.organization_id, self.position, limit=_FRAMES)
        if not frames:
            return
        position = frames[-1].position
        named = {frame.order_id for frame in frames if frame.order_id}
        for row in await in_thread(_rows, self.organization_id, named) if named else ():
            self._take(row, position)
        self.position = position
        for bell in self._listeners:
            bell.set()

    def _take(self, row: Row, position: int) -> None:
        known = self._entries.get(row["id"])
        if known is None:
            self._entries[row["id"]] = _Entry(row, position, dict.fromkeys(row, position))
        elif known.take(row, position):
            self._entries.move_to_end(row["id"])
        if len(self._entries) > _KEEP:
            self.floor = self._entries.popitem(last=False)[1].at


_watched: dict[tuple[int, str], Changes] = {}


def of(organization_id: str) -> Changes:
    """The changes of an organization in the running event loop."""
    key = (id(asyncio.get_running_loop()), organization_id)
    return _watched.setdefault(key, Changes(organization_id))


async def in_thread(read: Callable[..., T], *args: Any) -> T:
    """Run a database read beside the event loop, on a connection that is given back."""

    def work() -> T:
        try:
            return read(*args)
        finally:
            close_old_connections()

    return await sync_to_async(work, thread_sensitive=False)()


def _rows(organization_id: str, named: set[str]) -> list[Row]:
    generation.check()
    return picture.rows(organization_id, named)
