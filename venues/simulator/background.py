"""The trading of everybody else: what the background market prints, by seed and time alone.

Pure. Time is cut into equal slots by kind of security; in most of them one trade takes place, of a
size and on a side that a sum over seed, security and slot says, the same whenever it is asked.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from venues.messages import Side
from venues.simulator import behaviors
from venues.simulator.market import Listing

# Seconds of a slot by kind of security: shares trade all the time, municipals seldom.
_SLOTS = {"equity": 10, "note": 30, "bond": 30}
_OTHERWISE = 120
_QUIET = 4  # in one slot of so many nothing trades
_SHARES, _PAR = 100, 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Happening:
    """One trade of strangers: who came to trade (buys 1, sells 2), how much, when."""

    cusip: str
    at: datetime
    side: Side
    size: int


@dataclass(frozen=True, slots=True)
class _Course:
    """How one security trades: the length of its slots, where in them, and by how much."""

    stem: bytes
    length: int
    shift: int
    unit: int

    def slots(self, after: datetime, upto: datetime) -> range:
        """The slots whose moment is after one and up to the other."""
        first, last = ((one.timestamp() - self.shift) // self.length for one in (after, upto))
        return range(int(first) + 1, int(last) + 1)

    def draw(self, slot: int) -> int:
        """What a slot brings; nothing where it is a multiple of `_QUIET`."""
        return zlib.crc32(b"%b%d" % (self.stem, slot))

    def size(self, draw: int) -> int:
        return (draw // 0x200 % 10 + 1) * self.unit


class Background:
    """The background market of one session's securities."""

    def __init__(self, listings: Iterable[Listing], *, seed: str) -> None:
        self._courses = {
            one.cusip: _course(one, seed)
            for one in listings
            if one.cusip not in behaviors.SECURITIES
        }

    def between(self, after: datetime, upto: datetime) -> list[Happening]:
        """Everything that happens after one moment up to another, in order of time."""
        found = [
            one
            for cusip in self._courses
            for one in self._happenings(cusip, self._courses[cusip].slots(after, upto))
        ]
        return sorted(found, key=lambda one: one.at)

    def tally(
        self, cusip: str, after: datetime, upto: datetime, *, most: int
    ) -> tuple[int, int, list[Happening]]:
        """How many trades and how much there were, and the last ones in order of time."""
        course = self._courses.get(cusip)
        if course is None:
            return 0, 0, []
        slots = course.slots(after, upto)
        draws = [draw for slot in slots if (draw := course.draw(slot)) % _QUIET]
        # A quarter of the slots is quiet: twice as many are enough but for odd luck.
        last = list(self._happenings(cusip, slots[-2 * most :]))[-most:]
        return len(draws), sum(map(course.size, draws)), last

    def _happenings(self, cusip: str, slots: range) -> Iterator[Happening]:
        course = self._courses[cusip]
        for slot in slots:
            draw = course.draw(slot)
            if draw % _QUIET:
                yield Happening(
                    cusip=cusip,
                    at=_EPOCH + timedelta(seconds=slot * course.length + course.shift),
                    side="1" if draw & 0x100 else "2",
                    size=course.size(draw),
                )


def _course(listing: Listing, seed: str) -> _Course:
    length = _SLOTS.get(listing.security_type, _OTHERWISE)
    stem = f"{seed}:{listing.cusip}:".encode()
    # Each at its own moment of the slot, so that they do not come all at once.
    shift = zlib.crc32(stem) % length
    return _Course(stem, length, shift, _SHARES if listing.security_type == "equity" else _PAR)
