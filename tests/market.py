"""Market data inside the test process: a simulated venue's books and our feed, without a wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import redis
from django.conf import settings

from oms_site.kit import clock
from tests import trading
from venues import catalog, messages
from venues.market_data.feed import Feed
from venues.market_data.shelf import shelf
from venues.messages import MdEntry
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
