"""What one venue says of the market, worked in: books kept, tops stored, readers served.

Called by the venue's connection in the gateway process, outside any transaction. A cache or a table
that is away costs readers their data, never the connection: what is said next is stored again.
"""

from __future__ import annotations

from collections.abc import Iterable

from venues.market_data import prices
from venues.market_data.shadow import Shadow
from venues.market_data.shelf import shelf
from venues.messages import BookSnapshot, BookUpdate, MarketDataRequest, Quote, WireIn
from venues.orderbook import BookState, VenueBook


class Feed:
    """The market data of one venue."""

    def __init__(self, venue_id: str) -> None:
        self.venue_id = venue_id
        self.shadow = Shadow(venue_id)

    def begin(self) -> list[MarketDataRequest]:
        """What to ask when a session begins: all books, and what happens to them."""
        self.shadow.all_asked()
        return [MarketDataRequest(kind="1")]

    def take(self, messages: Iterable[WireIn | None]) -> None:
        """Work in what of this is market data."""
        heard = [m for m in messages if isinstance(m, Quote | BookSnapshot | BookUpdate)]
        if not heard:
            return
        touched = self.shadow.take(heard)
        books = [book for name in sorted(touched) if (book := self.shadow.book(name)) is not None]
        shelf.write(books)
        quotes = [m for m in heard if isinstance(m, Quote)]
        quotes += [_top(book) for book in books if book.state is BookState.LIVE]
        prices.take(quotes, source=self.venue_id)

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
