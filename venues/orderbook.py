"""Order books as values: orders, price levels, the top, one venue's book and several as one.

Plain Python: the gateway process keeps books with it, every process reads them with it. A book says
what state it is in and when it was last heard of; nothing here decides whether that will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby

import msgspec

ZERO = Decimal(0)


class BookState(StrEnum):
    """Whether a book can be believed: `stale` is the last one known, for people to look at."""

    LIVE = "live"
    STALE = "stale"


class BookOrder(msgspec.Struct, frozen=True, array_like=True):
    """One order of a book.

    A trade takes `min_size` or more, in steps of `min_increment`, and leaves nothing or at least
    `min_balance_remaining`; 0 is no such rule.
    """

    entry_id: str
    px: Decimal
    size: Decimal
    min_size: Decimal = ZERO
    min_increment: Decimal = ZERO
    min_balance_remaining: Decimal = ZERO


class Level(msgspec.Struct, frozen=True):
    """All orders of one venue at one price: the largest demands of any of them count for all."""

    px: Decimal
    size: Decimal
    orders: int
    venue_id: str
    min_size: Decimal = ZERO
    min_increment: Decimal = ZERO
    min_balance_remaining: Decimal = ZERO


class LastTrade(msgspec.Struct, frozen=True):
    """The last trade at a venue."""

    px: Decimal
    size: Decimal
    at: datetime


class VenueBook(msgspec.Struct, frozen=True, dict=True):
    """One venue's book of one security, best orders first; `heard_at` is the venue's time.

    Its levels are added up once and kept with it: a batch of orders asks for them again and again.
    """

    venue_id: str
    security_id: str
    rpt_seq: int
    heard_at: datetime
    bids: tuple[BookOrder, ...] = ()
    asks: tuple[BookOrder, ...] = ()
    trade: LastTrade | None = None
    state: BookState = BookState.LIVE
    reason: str = ""

    def side(self, name: str) -> tuple[BookOrder, ...]:
        """The orders that a buyer (`buy`) or a seller would trade with."""
        return self.asks if name == "buy" else self.bids

    def levels(self, name: str, *, depth: int = 0) -> list[Level]:
        """Price levels that a buyer or a seller meets, best first; `depth` 0 is all."""
        found: list[Level] | None = self.__dict__.get(name)
        if found is None:
            groups = groupby(self.side(name), key=lambda order: order.px)
            found = [_level(self.venue_id, list(group)) for _, group in groups]
            self.__dict__[name] = found
        return found[:depth] if depth else list(found)

    def without(self, entry_ids: frozenset[str]) -> VenueBook:
        """The book without some orders: nobody trades with his own."""
        if not entry_ids:
            return self
        return msgspec.structs.replace(
            self,
            bids=tuple(one for one in self.bids if one.entry_id not in entry_ids),
            asks=tuple(one for one in self.asks if one.entry_id not in entry_ids),
        )

    def age(self, at: datetime) -> float:
        """Seconds since the venue last said what stands in it."""
        return (at - self.heard_at).total_seconds()

    def seen(self, at: datetime, *, max_age_s: float) -> VenueBook:
        """The book as it counts at a moment: unheard of for too long, it is stale."""
        if self.state is BookState.LIVE and abs(self.age(at)) > max_age_s:
            return msgspec.structs.replace(
                self, state=BookState.STALE, reason=f"not heard of for {self.age(at):.0f} s"
            )
        return self


def _level(venue_id: str, orders: Sequence[BookOrder]) -> Level:
    return Level(
        px=orders[0].px,
        size=sum((one.size for one in orders), ZERO),
        orders=len(orders),
        venue_id=venue_id,
        min_size=max(one.min_size for one in orders),
        min_increment=max(one.min_increment for one in orders),
        min_balance_remaining=max(one.min_balance_remaining for one in orders),
    )


class Top(msgspec.Struct, frozen=True):
    """The best prices of several books, and whose they are."""

    bid: Level | None
    ask: Level | None

    @property
    def mid(self) -> Decimal | None:
        """Half way between the best bid and the best offer, when there are both."""
        if self.bid is None or self.ask is None:
            return None
        return (self.bid.px + self.ask.px) / 2

    @property
    def is_crossed(self) -> bool:
        """Whether one venue bids more than another asks."""
        return self.bid is not None and self.ask is not None and self.bid.px > self.ask.px


class Composite(msgspec.Struct, frozen=True):
    """The books of one security at all venues, as they counted at one moment."""

    security_id: str
    at: datetime
    books: tuple[VenueBook, ...] = ()

    @property
    def live(self) -> list[VenueBook]:
        """The books that can be believed."""
        return [book for book in self.books if book.state is BookState.LIVE]

    @property
    def state(self) -> BookState:
        """Stale unless at least one venue's book is live."""
        return BookState.LIVE if self.live else BookState.STALE

    def levels(self, name: str, *, depth: int = 0, live_only: bool = True) -> list[Level]:
        """Levels of all venues that a buyer or seller meets, best first; venues stay apart."""
        books = self.live if live_only else self.books
        found = [level for book in books for level in book.levels(name, depth=depth)]
        found.sort(key=lambda one: (one.px if name == "buy" else -one.px, one.venue_id))
        return found[:depth] if depth else found

    def top(self) -> Top:
        """The best bid and offer over the live books."""
        bids, asks = self.levels("sell", depth=1), self.levels("buy", depth=1)
        return Top(bids[0] if bids else None, asks[0] if asks else None)

    def last_trade(self) -> tuple[str, LastTrade] | None:
        """The latest trade at any venue, and where."""
        trades = [(book.venue_id, book.trade) for book in self.books if book.trade is not None]
        return max(trades, key=lambda one: one[1].at, default=None)


class Sweep(msgspec.Struct, frozen=True):
    """What taking a quantity at once would give: how much, at which average and worst price."""

    qty: Decimal
    gross: Decimal
    worst_px: Decimal | None
    levels: int

    @property
    def avg_px(self) -> Decimal | None:
        """The average price, None when nothing can be taken."""
        return self.gross / self.qty if self.qty else None


def combined(levels: Iterable[Level]) -> list[Level]:
    """Levels of several venues as one line per price, in their order; the venues are joined."""
    found = []
    for px, group in groupby(levels, key=lambda level: level.px):
        same = list(group)
        found.append(
            Level(
                px=px,
                size=sum((one.size for one in same), ZERO),
                orders=sum(one.orders for one in same),
                venue_id="+".join(one.venue_id for one in same),
            )
        )
    return found


def takeable(qty: Decimal, level: Level) -> Decimal:
    """As much of `qty` as a level lets one taker have: in its pieces, leaving nothing too small."""
    if qty >= level.size:
        return level.size
    qty = min(qty, level.size - level.min_balance_remaining)
    if level.min_increment:
        qty -= qty % level.min_increment
    return qty if qty > 0 and qty >= level.min_size else ZERO


def sweep(levels: Iterable[Level], *, qty: Decimal, limit: Decimal | None, side: str) -> Sweep:
    """What an order would take from these levels, best first, at once; an estimate of its fill."""
    got = gross = ZERO
    worst: Decimal | None = None
    used = 0
    for level in levels:
        beyond = limit is not None and (level.px > limit if side == "buy" else level.px < limit)
        if got >= qty or beyond:
            break
        taken = takeable(qty - got, level)
        if taken:
            got, gross, worst, used = got + taken, gross + taken * level.px, level.px, used + 1
    return Sweep(got, gross, worst, used)
