"""How far one numbered stream has been heard: what follows, what waits behind a gap, what to ask.

A stream is one security's book or tape at one venue. Whoever keeps it hands in what came and works
in what comes out; nothing that is missing is ever guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from oms_site.kit import clock

ASK_AGAIN_SECONDS = 2.0
NEVER_SEEN = "no snapshot yet"
_MOST_WAITING = 1_000
T = TypeVar("T")


class Count(Generic[T]):
    """One stream. `waiting` came from beyond a gap; `reason` says why it cannot be believed.

    `alone`: a request for several was refused, so it is asked for by itself; refused by itself it
    is `closed`, and not asked for again in this session.
    """

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self.seq = -1
        self.reason = NEVER_SEEN
        self.waiting: dict[int, T] = {}
        self.asked_at: float | None = None
        self.gaps = 0
        self.alone = self.closed = False

    def begin(self, seq: int) -> list[T]:
        """A snapshot holds everything up to this number; what waited and follows it."""
        self.seq, self.reason, self.asked_at = seq, "", None
        self.alone = self.closed = False
        return self._due()

    def hear(self, seq: int, item: T) -> list[T]:
        """Something under this number came: what is due by it, in order. A repeat is nothing."""
        if seq <= self.seq:
            return []
        if len(self.waiting) < _MOST_WAITING:
            self.waiting[seq] = item
        return self._due() if self.reason in ("", self._gap()) else []

    def confirm(self, seq: int) -> bool:
        """The venue says which number it has: whether that is ours. What got lost shows here."""
        if self.reason:
            return False
        if seq > self.seq:
            self._open_gap()
        return seq == self.seq

    def lose(self, reason: str) -> None:
        """The line is gone, and its numbers count no more."""
        self.reason, self.seq = reason, -1
        self.alone = self.closed = False
        self.waiting.clear()

    def refuse(self, text: str, *, alone: bool) -> None:
        """The venue will not tell it: not in company, or not at all."""
        self.alone, self.closed, self.asked_at = True, alone, None
        self.reason = f"refused: {text}" if alone or self.seq < 0 else self.reason

    def is_wanted(self, now: float) -> bool:
        """Whether to ask for a snapshot now; the same one again only after a while."""
        waited = self.asked_at is None or now - self.asked_at >= ASK_AGAIN_SECONDS
        return bool(self.reason) and not self.closed and waited

    def _due(self) -> list[T]:
        self.waiting = {n: one for n, one in self.waiting.items() if n > self.seq}
        found = []
        while (one := self.waiting.pop(self.seq + 1, None)) is not None:
            found.append(one)
            self.seq += 1
        if self.waiting:
            self._open_gap()
        else:
            self.reason, self.asked_at = "", None
        return found

    def _gap(self) -> str:
        return f"{self._noun} {self.seq + 1} is missing"

    def _open_gap(self) -> None:
        if self.reason != self._gap():
            self.gaps += 1
            self.reason, self.asked_at = self._gap(), None


class Kept(Protocol):
    """What is kept of one stream, and how far it has been heard."""

    @property
    def count(self) -> Count[Any]:
        """How far."""


K = TypeVar("K", bound=Kept)


class Streams(Generic[K]):
    """One kind of stream of every security of one venue."""

    def __init__(self, venue_id: str, make: Callable[[], K]) -> None:
        self.venue_id = venue_id
        self._make = make
        self._kept: dict[str, K] = {}

    @property
    def gaps(self) -> int:
        """How many gaps there have been."""
        return sum(kept.count.gaps for kept in self._kept.values())

    def wanted(self) -> list[str]:
        """Securities to ask a snapshot of now; the same one again only after a while."""
        now = clock.monotonic()
        due = [name for name, kept in self._kept.items() if kept.count.is_wanted(now)]
        for name in due:
            self._kept[name].count.asked_at = now
        return sorted(due)

    def is_alone(self, security_id: str) -> bool:
        """Whether it has to be asked for by itself."""
        return self._kept[security_id].count.alone

    def refuse(self, names: Iterable[str], text: str, *, alone: bool) -> None:
        """The venue will not tell these."""
        for name in names:
            self._of(name).count.refuse(text, alone=alone)

    def lose(self, reason: str) -> set[str]:
        """The line is gone: everything is what it was, and stale. Its numbers count no more."""
        for kept in self._kept.values():
            kept.count.lose(reason)
        self.all_asked()
        return set(self._kept)

    def all_asked(self) -> None:
        """Everything has been asked for just now."""
        now = clock.monotonic()
        for kept in self._kept.values():
            kept.count.asked_at = now

    def _of(self, security_id: str) -> K:
        """What is kept of a security, from now on."""
        if security_id not in self._kept:
            self._kept[security_id] = self._make()
        return self._kept[security_id]
