"""How many messages a venue's session may carry in a second. Pure but for waiting; one per session.

The connection asks before it takes messages from the queue, so that what waits, waits in the queue,
where a cancel can overtake it.
"""

from __future__ import annotations

import asyncio
from collections import deque

from oms_site.kit import clock

# A venue counts by its own clock, and what left us evenly may reach it a little bunched.
_SECOND = 1.05
NO_LIMIT = 1_000_000


class Pace:
    """A window of one session, a second and a little. `limit` 0: none."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self._sent: deque[list[float]] = deque()

    def room(self) -> int:
        """How many messages may go now."""
        if not self.limit:
            return NO_LIMIT
        now = clock.monotonic()
        while self._sent and self._sent[0][0] + _SECOND <= now:
            self._sent.popleft()
        return max(0, self.limit - int(sum(number for _, number in self._sent)))

    async def wait(self) -> int:
        """Wait until at least one may go. Returns how many may."""
        while not (room := self.room()):
            await asyncio.sleep(max(0.001, self._sent[0][0] + _SECOND - clock.monotonic()))
        return room

    def begin(self, number: int) -> list[float]:
        """Book messages that are about to go."""
        entry = [clock.monotonic(), float(number)]
        if self.limit:
            self._sent.append(entry)
        return entry

    def end(self, entry: list[float]) -> None:
        """They have gone: their second begins now."""
        entry[0] = clock.monotonic()
