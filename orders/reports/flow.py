"""One venue's reports on their way through the processes that apply them.

Each process has at most one part of them at a time. The next is given when that one is committed,
so that nothing is applied behind what has failed, and no process waits for another. What gathers
meanwhile goes together: the busier a process is, the less each report costs it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from oms_site.firm.beside import Beside
from oms_site.kit import clock
from orders.reports import applying
from venues.models import Inbound

# How many are applied in one transaction, and how many may wait in memory.
TOGETHER, WAITING = 100, 2_000
# Longer than any statement may take: a process that says nothing for so long is ended.
LANE_SECONDS = 90.0


class Flow:
    """What each process works on for one venue, and what waits for it."""

    def __init__(self, beside: Beside, venue_id: str) -> None:
        self.beside = beside
        self._venue_id = venue_id
        self._waiting: dict[int, list[Inbound]] = {}
        self._working: dict[int, float] = {}  # since when
        self._failed: BaseException | None = None
        self._moved = threading.Condition()

    def is_idle(self) -> bool:
        """Whether nothing is on its way, and nothing has failed."""
        return not (self._working or self._failed)

    def is_stuck(self) -> bool:
        """Whether one part has failed, or a process says nothing: only `settle` helps."""
        since = min(self._working.values(), default=clock.monotonic())
        return self._failed is not None or clock.monotonic() - since > LANE_SECONDS

    def give(self, parts: Mapping[int, Sequence[Inbound]]) -> None:
        """Have each process apply its part after what it was given before.

        Waits while too many are waiting. Once a part has failed nothing more is applied.
        """
        self._wait(lambda: sum(map(len, self._waiting.values())) < WAITING)
        with self._moved:
            for number, part in parts.items():
                self._waiting.setdefault(number, []).extend(part)
                if number not in self._working and self._failed is None:
                    self._send(number)

    def settle(self) -> BaseException | None:
        """Wait until no process works on anything of this venue; what failed, if anything did."""
        self._wait(lambda: not self._working)
        return self._failed

    def _wait(self, is_well: Callable[[], bool]) -> None:
        with self._moved:
            while not is_well() and (self._working or self._failed is None):
                since = min(self._working.values(), default=clock.monotonic())
                if not self._moved.wait(max(since + LANE_SECONDS - clock.monotonic(), 0)):
                    break
            else:
                return
        # Not under the lock: what dies with them says so under it.
        self.beside.kill()
        with self._moved:
            self._moved.wait_for(lambda: not self._working, LANE_SECONDS)

    def _send(self, number: int) -> None:
        gathered = self._waiting.pop(number)
        part, rest = gathered[:TOGETHER], gathered[TOGETHER:]
        if rest:
            self._waiting[number] = rest
        try:
            asked = self.beside.submit(number, applying.apply, self._venue_id, part)
        except BrokenProcessPool as gone:
            self._fail(gone)
            return
        self._working[number] = clock.monotonic()
        asked.add_done_callback(partial(self._done, number))

    def _done(self, number: int, asked: Future[None]) -> None:
        with self._moved:
            del self._working[number]
            if asked.cancelled():
                self._fail(CancelledError())
            elif error := asked.exception():
                self._fail(error)
            elif number in self._waiting and self._failed is None:
                self._send(number)
            self._moved.notify_all()

    def _fail(self, error: BaseException) -> None:
        self._failed = self._failed or error
        self._waiting.clear()
