"""What one venue says of the market, worked in: books kept, tops stored, readers served.

Prices that controls measure by are made of others' orders: ours are known from the venue's own
reports about them, and left out. A top that may hold one, of a book that is not live, is no price.

Called by the venue's connection in the gateway process, outside any transaction. A cache or a table
that is away costs readers their data, never the connection: what is said next is stored again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from venues.market_data import prices
from venues.market_data.shadow import Shadow
from venues.market_data.shelf import shelf
from venues.messages import (
    BookSnapshot,
    BookUpdate,
    ExecutionReport,
    MarketDataRequest,
    Quote,
    WireIn,
)
from venues.orderbook import BookState, VenueBook


class Feed:
    """The market data of one venue."""

    def __init__(self, venue_id: str) -> None:
        self.venue_id = venue_id
        self.shadow = Shadow(venue_id)
        # Our orders in its books: the venue's ids of them, by security.
        self._own: dict[str, set[str]] = {}
        self._changed: set[str] = set()

    def begin(self, own: Mapping[str, Collection[str]] = {}) -> list[MarketDataRequest]:
        """What to ask when a session begins: all books, and what happens to them.

        `own` are the ids of our orders that rest there already, by security.
        """
        self._own = {name: set(ids) for name, ids in own.items()}
        self.shadow.all_asked()
        return [MarketDataRequest(kind="1")]

    def take(self, messages: Iterable[WireIn | None]) -> None:
        """Work in what of this is market data, and what it says of our own orders."""
        said = list(messages)
        self.note(said)
        heard = [m for m in said if isinstance(m, Quote | BookSnapshot | BookUpdate)]
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
        names = self.shadow.wanted()
        return [MarketDataRequest(kind="0", securities=tuple(names))] if names else []

    def lose(self, reason: str) -> None:
        """The session is over: every book is stale, and readers are told."""
        lost = self.shadow.lose(reason)
        shelf.write(book for name in sorted(lost) if (book := self.shadow.book(name)) is not None)


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
