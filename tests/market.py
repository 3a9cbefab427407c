"""Market data inside the test process: a simulated venue's books and our feed, without a wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

import msgspec
import redis
from django.conf import settings

from oms_site.kit import clock
from tests import trading
from venues import catalog, messages
from venues.calendar import new_york_date
from venues.market_data.feed import Feed
from venues.market_data.shelf import shelf, tape_shelf
from venues.messages import MdEntry, TapePrint, TapeSnapshot, TapeUpdate
from venues.simulator import depth
from venues.simulator.market import Market
from venues.simulator.publication import Publication

BOND = trading.BOND


@contextmanager
def clean_shelf() -> Iterator[None]:
    """No books of an earlier test, in the cache or in memory, and none of this one for the next."""
    _clear()
    yield
    _clear()


def _clear() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for key in client.scan_iter(shelf.name("*")):
            client.delete(key)
    shelf.forget()
    tape_shelf.forget()


class Printer:
    """A venue's tape of one security made by hand: every trade is said, when, and how much."""

    def __init__(self, name: str = "SIMA") -> None:
        self.feed = Feed(name)
        self.seq = 0
        self.stand: list[TapePrint] = []

    def begin(self) -> None:
        """A snapshot of all that stands."""
        self._say(
            TapeSnapshot(
                security_id=BOND,
                rpt_seq=self.seq,
                at=clock.now(),
                day=new_york_date(clock.now()),
                volume=self.volume,
                prints=tuple(self.stand),
            )
        )

    @property
    def volume(self) -> Decimal:
        """What all that stands comes to."""
        return sum((one.size for one in self.stand), Decimal(0))

    def trade(self, size: int, *, at: datetime | None = None, lost: bool = False) -> TapePrint:
        """A trade of this moment is printed, and reaches us unless it is lost."""
        self.seq += 1
        made = TapePrint(
            seq=self.seq,
            trade_id=f"T{self.seq}",
            px=Decimal(100),
            size=Decimal(size),
            at=at or clock.now(),
        )
        self.stand.append(made)
        if not lost:
            self._update(made)
        return made

    def beat(self) -> None:
        """What the venue says each five seconds: the number of its tape."""
        for kept in self.feed.recorder._kept.values():
            kept.told_at = float("-inf")  # tests do not wait for the next copy
        self._say(messages.Quote(security_id=BOND, at=clock.now(), tape_seq=self.seq))

    def take_back(self, one: TapePrint) -> None:
        """A trade never was."""
        self.seq += 1
        self.stand.remove(one)
        self._update(msgspec.structs.replace(one, seq=self.seq, action="2"))

    def _update(self, one: TapePrint) -> None:
        self._say(
            TapeUpdate(
                security_id=BOND,
                at=clock.now(),
                day=new_york_date(clock.now()),
                volume=self.volume,
                prints=(one,),
            )
        )

    def _say(self, message: messages.TapeMessage | messages.Quote) -> None:
        self.feed.take([message])
        tape_shelf.forget()


class Venue:
    """One venue of one security."""

    def __init__(self, name: str = "SIMA") -> None:
        self.market = Market(catalog.listings(), seed=name)
        self.books = Publication(lambda: [BOND], self._read)
        self.feed = Feed(name)

    def _read(self, cusip: str) -> tuple[MdEntry, ...]:
        return depth.entries(self.market, cusip, ())

    def begin(self) -> None:
        """The session begins: every book, once."""
        for request in self.feed.begin():
            if request.about == "book":
                self.hear(self.books.asked(request, clock.now()))

    def move(self, ticks: int) -> list[bytes]:
        """Move the book; what the venue would send."""
        self.market.move(BOND, ticks)
        self.books.note([], self.market.take_moved())
        return self.books.updates(clock.now())

    def beat(self) -> None:
        """What the venue says each five seconds: its top and the number of its book."""
        quote = self.market.quote(BOND, clock.now())
        self.feed.take([msgspec.structs.replace(quote, rpt_seq=self.books.number(BOND))])

    def hear(self, lines: list[bytes]) -> None:
        """These lines reach us."""
        self.feed.take([messages.decode_incoming(line) for line in lines])
        # A process reads a book again after a quarter of a second; tests do not wait.
        shelf.forget()
