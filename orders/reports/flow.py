"""One venue's reports on their way through the processes that apply them.

Each process has at most one part of them at a time. The next is given when that one is committed,
so that nothing is applied behind what has failed, and no process waits for another. What gathers
meanwhile goes together: the busier a process is, the less each report costs it. Reports of one
owner follow each other through one process; an owner of whom nothing is on its way goes to the
first that has little to do, or else to the one that has least: two that are busy take less
processor than three that are not.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial

from oms_site.firm.beside import Beside, ProcessGone
from oms_site.kit import clock
from orders.reports import applying
from orders.reports.loads import Loads
from venues.inbox import Stored

Owned = tuple[str, Stored]  # whose it is, and the report
# How many are applied in one transaction, and how many may wait in memory.
TOGETHER, WAITING = 100, 2_000
# A small part costs nearly what one of twice its size does: a breath makes fewer of them. Measured
# at 2,000 a second: a tenth less processor, and all that waits for a processor is quicker.
BREATH_SECONDS = 0.002
# Longer than any statement may take: a process that says nothing for so long is ended.
LANE_SECONDS = 90.0


def _apply(venue_id: str, rows: Sequence[Stored]) -> None:
    applying.apply(venue_id, rows)
    if len(rows) < TOGETHER:
        time.sleep(BREATH_SECONDS)


class Flow:
    """What each process works on for one venue, and what waits for it."""

    def __init__(self, beside: Beside, venue_id: str, loads: Loads) -> None:
        self.beside = beside
        self._venue_id = venue_id
        self._waiting: dict[int, list[Owned]] = defaultdict(list)
        self._working: dict[int, float] = {}  # since when
        # Of what is on its way: how many each process has, how many are whose, and where they are.
        self._loads = loads
        self._number_of: dict[str, int] = {}
        self._underway = Counter[str]()
        self._failed: BaseException | None = None
        self._moved = threading.Condition()

    def is_idle(self) -> bool:
        """Whether nothing is on its way, and nothing has failed."""
        with self._moved:
            return not (self._working or self._failed)

    def is_stuck(self) -> bool:
        """Whether one part has failed, or a process says nothing: only `settle` helps."""
        with self._moved:
            since = min(self._working.values(), default=clock.monotonic())
            return self._failed is not None or clock.monotonic() - since > LANE_SECONDS

    def give(self, reports: Sequence[Owned]) -> None:
        """Have reports applied, those of one owner in their order and after what was given before.

        Waits while too many are waiting. Once a part has failed nothing more is applied.
        """
        self._wait(lambda: sum(map(len, self._waiting.values())) < WAITING)
        with self._moved:
            if self._failed is not None:
                return
            for owner, count in Counter(owner for owner, _ in reports).items():
                place = self._loads.place(count, number=self._number_of.get(owner))
                self._number_of[owner] = place
                self._underway[owner] += count
            for one in reports:
                self._waiting[self._number_of[one[0]]].append(one)
            for number in self._waiting.keys() - self._working.keys():
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
        waiting = self._waiting[number]
        part, self._waiting[number] = waiting[:TOGETHER], waiting[TOGETHER:]
        if not part or self._failed is not None:
            return
        rows = [row for _, row in part]
        try:
            asked = self.beside.submit(number, _apply, self._venue_id, rows)
        except ProcessGone as gone:
            self._loads.leave(number, len(part))
            self._fail(gone)
            return
        self._working[number] = clock.monotonic()
        asked.add_done_callback(partial(self._done, number, [owner for owner, _ in part]))

    def _done(self, number: int, owners: Sequence[str], asked: Future[None]) -> None:
        with self._moved:
            del self._working[number]
            self._loads.leave(number, len(owners))
            if asked.cancelled():
                self._fail(CancelledError())
            elif error := asked.exception():
                self._fail(error)
            else:
                self._leave(owners)
                self._send(number)
            self._moved.notify_all()

    def _leave(self, owners: Sequence[str]) -> None:
        self._underway.subtract(owners)
        for owner in set(owners):
            if not self._underway[owner]:
                del self._underway[owner], self._number_of[owner]

    def _fail(self, error: BaseException) -> None:
        self._failed = self._failed or error
        for number, waiting in self._waiting.items():
            self._loads.leave(number, len(waiting))
        self._waiting.clear()
