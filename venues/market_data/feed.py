"""What one venue says of the market, worked in: books and tapes kept, tops stored, readers served.

Prices that controls measure by are made of others' orders: ours are known from the venue's own
reports about them, and left out. A top that may hold one, of a book that is not live, is no price.

Called by the venue's connection in the gateway process, outside any transaction. A cache or a table
that is away costs readers their data, never the connection: what is said next is stored again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping

from venues.market_data import prices
from venues.market_data.recorder import Recorder
from venues.market_data.shadow import Shadow
from venues.market_data.shelf import shelf, tape_shelf
from venues.messages import (
    BookMessage,
    ExecutionReport,
    MarketDataRequest,
    MarketDataRequestReject,
    Quote,
    TapeMessage,
    WireIn,
)
from venues.messages.market import About
from venues.orderbook import BookState, VenueBook

log = logging.getLogger(__name__)
_EVERYTHING: tuple[About, ...] = ("book", "top", "tape")


class Feed:
    """The market data of one venue."""

    def __init__(self, venue_id: str) -> None:
        self.venue_id = venue_id
        self.shadow = Shadow(venue_id)
        self.recorder = Recorder(venue_id)
        # Our orders in its books: the venue's ids of them, by security.
        self._own: dict[str, set[str]] = {}
        self._changed: set[str] = set()
        # Tops that were refused in company.
        self._tops: set[str] = set()

    def begin(self, own: Mapping[str, Collection[str]] = {}) -> list[MarketDataRequest]:
        """What to ask when a session begins: all books, tops and tapes, and what happens to them.

        `own` are the ids of our orders that rest there already, by security.
        """
        self._own = {name: set(ids) for name, ids in own.items()}
        self.shadow.all_asked()
        self.recorder.all_asked()
        return [MarketDataRequest(kind="1", about=about) for about in _EVERYTHING]

    def take(self, messages: Iterable[WireIn | None]) -> None:
        """Work in what of this is market data, and what it says of our own orders."""
        said = list(messages)
        self.note(said)
        for message in said:
            if isinstance(message, MarketDataRequestReject):
                self._refused(message)
        printed = self.recorder.take(m for m in said if isinstance(m, Quote | TapeMessage))
        tapes = [self.recorder.tape(name) for name in sorted(printed)]
        tape_shelf.write(tape for tape in tapes if tape is not None)
        heard = [m for m in said if isinstance(m, Quote | BookMessage)]
        if not heard:
            return
        touched = self.shadow.take(heard)
        books = [book for name in sorted(touched) if (book := self.shadow.book(name)) is not None]
        shelf.write(books)
        # A top that is told may hold an order of ours; only a whole book can be told apart.
        quotes = [m for m in heard if isinstance(m, Quote) and not self._own.get(m.security_id)]
        # A report that came after its order had been seen in the book.
        late, self._changed = self._changed - touched, set()
        again = [book for name in sorted(late) if (book := self.shadow.book(name))]
        live = [book for book in [*books, *again] if book.state is BookState.LIVE]
        quotes += [_top(book.without(self._mine(book.security_id))) for book in live]
        prices.take(quotes, source=self.venue_id)

    def note(self, messages: Iterable[WireIn | None]) -> None:
        """Remember which orders of the books are ours. Costs no more than memory."""
        for report in messages:
            if not isinstance(report, ExecutionReport):
                continue
            mine = self._own.setdefault(report.security_id, set())
            if report.leaves_qty > 0 and report.order_id not in mine:
                mine.add(report.order_id)
                self._changed.add(report.security_id)
            elif report.leaves_qty <= 0:
                mine.discard(report.order_id)

    def _mine(self, security_id: str) -> frozenset[str]:
        return frozenset(self._own.get(security_id, ()))

    def wanted(self) -> list[MarketDataRequest]:
        """What to ask now because something is missing."""
        found = []
        keepers: tuple[tuple[About, Shadow | Recorder], ...]
        keepers = (("book", self.shadow), ("tape", self.recorder))
        for about, keeper in keepers:
            names = keeper.wanted()
            alone = [name for name in names if keeper.is_alone(name)]
            together = [name for name in names if name not in alone]
            if together:
                found.append(MarketDataRequest(kind="0", securities=tuple(together), about=about))
            # Refused in company: what happens to it was not asked for yet either.
            found += [MarketDataRequest(kind="1", securities=(n,), about=about) for n in alone]
        tops, self._tops = sorted(self._tops), set()
        found += [MarketDataRequest(kind="1", securities=(n,), about="top") for n in tops]
        return found

    def _refused(self, said: MarketDataRequestReject) -> None:
        """What was asked for with others is asked for alone; what was refused alone stays so."""
        names = said.securities
        log.warning("%s: no %s of %.200s: %s", self.venue_id, said.about, names, said.text)
        if said.about == "top":
            self._tops |= set(names) if len(names) > 1 else set()
            return
        keeper = self.shadow if said.about == "book" else self.recorder
        keeper.refuse(names, said.text or said.reason, alone=len(names) == 1)

    def lose(self, reason: str) -> None:
        """The session is over: every book and tape is stale, and readers are told."""
        lost = self.shadow.lose(reason)
        shelf.write(book for name in sorted(lost) if (book := self.shadow.book(name)) is not None)
        gone = self.recorder.lose(reason)
        tapes = [self.recorder.tape(name) for name in sorted(gone)]
        tape_shelf.write(tape for tape in tapes if tape is not None)


def _top(book: VenueBook) -> Quote:
    bids, asks = book.levels("sell", depth=1), book.levels("buy", depth=1)
    return Quote(
        security_id=book.security_id,
        at=book.heard_at,
        bid_px=bids[0].px if bids else None,
        bid_size=bids[0].size if bids else None,
        ask_px=asks[0].px if asks else None,
        ask_size=asks[0].size if asks else None,
    )
