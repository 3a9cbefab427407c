"""One reader of the feed per organization and web process, shared by all its sockets.

Readers pull: `after` answers from memory for those who keep up and from the database for those who
do not, so a slow socket costs nobody else anything. The channel layer only says that it is time to
look; without it the hub looks by itself once a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from channels.layers import get_channel_layer

from oms_site.firm.database import in_thread
from oms_site.journal import feed
from oms_site.journal.announcing import GROUP
from oms_site.journal.feed import Frame

log = logging.getLogger(__name__)
_KEEP, _PAGE = 5_000, 500
_LOOK_SECONDS = 1.0


class _Channel:
    """The newest frames of one organization."""

    def __init__(self, organization_id: str) -> None:
        self.organization_id = organization_id
        self.frames: deque[Frame] = deque(maxlen=_KEEP)
        self.position = -1
        self.moved = asyncio.Condition()
        self._reading = asyncio.Lock()

    async def read(self) -> None:
        async with self._reading:
            if self.position < 0:
                self.position = await in_thread(feed.last_position, self.organization_id)
            # A page that is not full was the last: whatever follows it comes with its own hint.
            while len(await self._page()) == _PAGE:
                pass

    async def _page(self) -> list[Frame]:
        fresh = await in_thread(feed.after, self.organization_id, self.position, limit=_PAGE)
        if fresh:
            self.frames.extend(fresh)
            self.position = fresh[-1].position
            async with self.moved:
                self.moved.notify_all()
        return fresh


class Hub:
    """All organizations that somebody in this process listens to."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._task: asyncio.Task[None] | None = None

    async def last(self, organization_id: str) -> int:
        """The newest position right now."""
        channel = await self._open(organization_id)
        await channel.read()
        return channel.position

    async def after(self, organization_id: str, position: int, *, limit: int = 500) -> list[Frame]:
        """Frames after a position; from memory when they are still there."""
        channel = await self._open(organization_id)
        if channel.frames and channel.frames[0].position <= position + 1:
            behind = channel.position - position
            held = channel.frames
            start = max(len(held) - behind, 0)
            return [held[n] for n in range(start, min(start + limit, len(held)))]
        if position >= channel.position:
            return []
        return await in_thread(feed.after, organization_id, position, limit=limit)

    async def wait(self, organization_id: str, position: int, *, seconds: float) -> bool:
        """Sleep until there is something after a position; False when the time is up first."""
        channel = await self._open(organization_id)
        try:
            async with asyncio.timeout(seconds), channel.moved:
                await channel.moved.wait_for(lambda: channel.position > position)
        except TimeoutError:
            return False
        return True

    async def _open(self, organization_id: str) -> _Channel:
        channel = self._channels.get(organization_id)
        if channel is None:
            channel = self._channels[organization_id] = _Channel(organization_id)
            await channel.read()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_reading())
        return channel

    async def _keep_reading(self) -> None:
        hints = _Hints()
        while True:
            await hints.next()
            for channel in list(self._channels.values()):
                try:
                    await channel.read()
                except Exception:  # noqa: BLE001  the database will be back; sockets show staleness
                    log.warning("the feed of %s could not be read", channel.organization_id)


class _Hints:
    """The channel layer's word that the feed moved, or a second's patience."""

    def __init__(self) -> None:
        self._layer: Any = get_channel_layer()
        self._name: str | None = None

    async def next(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                if self._name is None:
                    self._name = await self._layer.new_channel()
                    await self._layer.group_add(GROUP, self._name)
                await self._layer.receive(self._name)
        except TimeoutError:
            return
        except Exception:  # noqa: BLE001  without Redis the hub looks once a second
            self._name = None
            await asyncio.sleep(_LOOK_SECONDS)


_hubs: dict[int, Hub] = {}


def hub() -> Hub:
    """The hub of the running event loop."""
    return _hubs.setdefault(id(asyncio.get_running_loop()), Hub())
