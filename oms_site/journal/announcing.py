"""Telling every web process that the feed has moved: a hint, and nobody relies on it.

One loop and one connection for as long as the sequencer lives, in a thread of their own: numbering
never waits for Redis. While one hint is on its way, the next ones become one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

from channels.layers import get_channel_layer

log = logging.getLogger(__name__)
GROUP = "feed"
_SECONDS = 5.0


class Announcer:
    """Says which positions are the newest, by organization."""

    def __init__(self) -> None:
        self._news: dict[str, int] = {}
        self._is_saying = False
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="announcer", daemon=True).start()

    def say(self, moved: dict[str, int]) -> None:
        """Tell everybody soon. Returns at once and raises nothing."""
        if moved:
            self._loop.call_soon_threadsafe(self._take, moved)

    def _take(self, moved: dict[str, int]) -> None:
        self._news |= moved
        if not self._is_saying:
            self._is_saying = True
            self._loop.create_task(self._say())

    async def _say(self) -> None:
        layer: Any = get_channel_layer()
        try:
            while self._news:
                news, self._news = self._news, {}
                async with asyncio.timeout(_SECONDS):
                    await layer.group_send(GROUP, {"type": "feed.moved", "positions": news})
        except Exception:  # noqa: BLE001  readers catch up from the database without the hint
            log.warning("the feed moved and nobody could be told; readers will look by themselves")
        finally:
            self._is_saying = False
