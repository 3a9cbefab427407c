"""The venue's time: its machine's clock put where its peer's is, and what is due when.

The firm's sandbox may live at another moment than the machine. The venue learns that moment from
every logon and heartbeat, and runs no timers before it has heard one.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from oms_site.kit import clock

NEW_YORK = ZoneInfo("America/New_York")
Subject = TypeVar("Subject")
_NETWORK = timedelta(milliseconds=250)


class VenueClock:
    """Machine time plus an offset learned from the peer."""

    def __init__(self, machine: Callable[[], datetime] = clock.machine_now) -> None:
        self._machine = machine
        self._offset = timedelta(0)
        self.skew = timedelta(0)  # by how much it is wrong
        self.known = False

    def now(self) -> datetime:
        """The venue's present moment, aware, UTC."""
        return self._machine() + self._offset + self.skew

    def learn(self, peer_now: datetime) -> None:
        """Follow the peer's clock; the time a message spends on the way is no shift.

        The way only ever makes a stamp look older, so the least delayed one tells most.
        """
        offset = peer_now - self._machine()
        if offset > self._offset or self._offset - offset > _NETWORK:
            self._offset = offset
        self.known = True


class Timers(Generic[Subject]):
    """What is to be looked at when; an entry that has become pointless is harmless."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Subject]] = []
        self._numbers = itertools.count()

    def add(self, due: datetime, subject: Subject) -> None:
        """Look at `subject` at `due`."""
        heapq.heappush(self._heap, (due, next(self._numbers), subject))

    def pop_due(self, at: datetime) -> Iterator[Subject]:
        """What is due at `at`, earliest first; each is forgotten as it is handed out."""
        while self._heap and self._heap[0][0] <= at:
            yield heapq.heappop(self._heap)[2]
