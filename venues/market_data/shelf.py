"""Where processes find books and tapes: written by the gateway, read by everyone, in Redis.

Caches: what was not looked at, or cannot be reached, is not known, and callers treat it as no
market data at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from venues.market_data.cache import Cache
from venues.orderbook import Composite, VenueBook
from venues.tapes import Tapes, VenueTape

MAX_AGE_S = 12.0  # venues tell the number of every book each five seconds
TAPE_MAX_AGE_S = 40.0  # one that is as it was is written anew each fifteen


class Shelf(Cache[VenueBook]):
    """The books."""

    def __init__(self) -> None:
        super().__init__(kind="book", row=VenueBook)

    def known(self, security_id: str, *, at: datetime) -> Composite:
        """What this process has looked at, as it counts at a moment; without books if nothing."""
        return as_seen(security_id, self.held(security_id), at=at)


class TapeShelf(Cache[VenueTape]):
    """The tapes."""

    def __init__(self) -> None:
        super().__init__(kind="tape", row=VenueTape)

    def known(self, security_id: str, *, at: datetime) -> Tapes:
        """What this process has looked at, as it counts at a moment; without tapes if nothing."""
        return tapes_as_seen(security_id, self.held(security_id), at=at)


def as_seen(security_id: str, books: Iterable[VenueBook], *, at: datetime) -> Composite:
    """Books as they count at a moment: those nobody heard of for too long are stale."""
    seen = tuple(book.seen(at, max_age_s=MAX_AGE_S) for book in books)
    return Composite(security_id=security_id, at=at, books=seen)


def tapes_as_seen(security_id: str, tapes: Iterable[VenueTape], *, at: datetime) -> Tapes:
    """Tapes as they count at a moment: those nobody heard of for too long are stale."""
    seen = tuple(tape.seen(at, max_age_s=TAPE_MAX_AGE_S) for tape in tapes)
    return Tapes(security_id=security_id, at=at, tapes=seen)


shelf = Shelf()
tape_shelf = TapeShelf()


def composite(security_id: str, *, at: datetime) -> Composite:
    """Look and tell at once: for those who are in no transaction."""
    shelf.look([security_id])
    return shelf.known(security_id, at=at)


def tapes(security_id: str, *, at: datetime) -> Tapes:
    """Look at the tapes and tell at once: for those who are in no transaction."""
    tape_shelf.look([security_id])
    return tape_shelf.known(security_id, at=at)
