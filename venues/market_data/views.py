"""Market data as clients see it, the same over REST and on the stream: plain values, no HTTP.

Prices are clean, in percent of par (per share for shares); sizes are par (shares). A stale book is
shown with its reason and counts for nothing: best prices and sums are over live books only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from venues import analytics, orderbook, registry, sessions
from venues.calendar import OutsideCalendar, new_york_date
from venues.instruments import InstrumentFacts
from venues.market_data import prices
from venues.orderbook import ZERO, BookOrder, Composite, Level, Sweep, VenueBook, combined
from venues.tapes import Print, Tapes, VenueTape

SIDES = (("bids", "sell"), ("asks", "buy"))
WINDOW = timedelta(minutes=5)


def names(facts: InstrumentFacts) -> dict[str, Any]:
    """What every answer about a security begins with."""
    return {"instrument_id": facts.cusip, "isin": facts.isin, "name": facts.description}


def top(facts: InstrumentFacts, books: Composite, tapes: Tapes) -> dict[str, Any]:
    """Level 1: best bid and offer over the venues, last trade, volume, each venue's book."""
    best = books.top()
    settles = _settles(facts, books.at)
    return {
        **names(facts),
        "level": 1,
        "as_of": books.at,
        "state": str(books.state),
        "stale": books.state is orderbook.BookState.STALE,
        "bid": _quote(best.bid, facts, settles),
        "ask": _quote(best.ask, facts, settles),
        "mid": best.mid,
        "crossed": best.is_crossed,
        "last_trade": trade(books, tapes),
        "volume": volume(tapes),
        "venues": [venue(book) for book in books.books],
    }


def unified(facts: InstrumentFacts, books: Composite, tapes: Tapes) -> dict[str, Any]:
    """The top of each venue beside the whole market's, and the price controls measure by."""
    price = prices.reference(facts.id)
    held = [(book, _first(book, "sell"), _first(book, "buy")) for book in books.books]
    return {
        **top(facts, books, tapes),
        "quotes": [{**venue(book), "bid": row(bid), "ask": row(ask)} for book, bid, ask in held],
        "reference": None
        if price is None
        else {
            "price": price.mid,
            "bid": price.bid,
            "ask": price.ask,
            "source": price.source,
            "at": price.at,
            "crossed": price.crossed,
        },
    }


def ladder(
    facts: InstrumentFacts, books: Composite, tapes: Tapes, *, depth: int, joined: bool = False
) -> dict[str, Any]:
    """Level 2: up to `depth` price levels a side, by venue or joined over them."""
    sides: dict[str, Any] = {}
    for name, side in SIDES:
        rows = books.levels(side)
        rows = combined(rows) if joined else rows
        sides[name] = [row(one) for one in rows[:depth]]
    return {**top(facts, books, tapes), "level": 2, **sides}


def orders(
    facts: InstrumentFacts, books: Composite, tapes: Tapes, *, depth: int, own: Mapping[str, str]
) -> dict[str, Any]:
    """Level 3: every order with its place in the queue at its price; `own` are the caller's.

    `own` maps a venue's OrderID(37) to our ClOrdID(11).
    """
    sides: dict[str, Any] = {}
    for name, side in SIDES:
        found = [o for book in books.live for o in _queue(book.venue_id, book.side(side), own)]
        found.sort(key=lambda one: one["price"] if side == "buy" else -one["price"])
        sides[name] = found[:depth]
    return {**top(facts, books, tapes), "level": 3, **sides}


def trade(books: Composite, tapes: Tapes) -> dict[str, Any] | None:
    """The last trade anywhere: the tapes', or of venues without one what their books tell."""
    printed, told = tapes.last(), books.last_trade()
    if printed is not None and (told is None or told[1].at <= printed[1].at):
        venue_id, one = printed
        return {"price": one.px, "size": one.size, "venue_id": venue_id, "executed_at": one.at}
    if told is None:
        return None
    venue_id, last = told
    return {"price": last.px, "size": last.size, "venue_id": venue_id, "executed_at": last.at}


def volume(tapes: Tapes, *, window: timedelta = WINDOW) -> dict[str, Any]:
    """What has traded this day and within the window, by the live tapes; each venue's own beside.

    The window may count too little by parts of minutes of which no single trade is kept any more.
    """
    at, day = tapes.at, new_york_date(tapes.at)
    return {
        "state": str(tapes.state),
        "day": day,
        "day_volume": tapes.volume_of(day),
        "window_seconds": int(window.total_seconds()),
        "window_volume": tapes.traded(at - window, at),
        "venues": [_of_venue(one, at - window, at, day) for one in tapes.tapes],
    }


def _of_venue(one: VenueTape, since: datetime, at: datetime, day: date) -> dict[str, Any]:
    return {
        "venue_id": one.venue_id,
        "state": str(one.state),
        "reason": one.reason,
        "rpt_seq": one.rpt_seq,
        "heard_at": one.heard_at,
        "day_volume": one.volume_of(day),
        "window_volume": one.traded(since, at),
    }


def prints(tapes: Tapes, *, most: int) -> list[dict[str, Any]]:
    """The last trades of all venues, newest first; `rpt_seq` counts at each venue by itself."""
    return [printed(venue_id, one) for venue_id, one in tapes.prints(most=most)]


def printed(venue_id: str, one: Print) -> dict[str, Any]:
    """One trade of a tape."""
    return {
        "price": one.px,
        "size": one.size,
        "venue_id": venue_id,
        "executed_at": one.at,
        "trade_id": one.trade_id,
        "rpt_seq": one.seq,
    }


def venue(book: VenueBook) -> dict[str, Any]:
    """What a venue's book is worth now."""
    facts = registry.find(book.venue_id)
    return {
        "venue_id": book.venue_id,
        "venue_mpid": facts.mpid if facts is not None else "",
        "state": str(book.state),
        "reason": book.reason,
        "rpt_seq": book.rpt_seq,
        "heard_at": book.heard_at,
    }


def estimate(found: Sweep, *, side: str, qty: Decimal, mid: Decimal | None) -> dict[str, Any]:
    """What a sweep of the live books would give now; nothing is promised."""
    average = found.avg_px
    slippage = None
    if average is not None and mid is not None:
        slippage = average - mid if side == "buy" else mid - average
    return {
        "side": side,
        "quantity": qty,
        "fillable": found.qty,
        "average_price": None if average is None else round(average, 8),
        "worst_price": found.worst_px,
        "levels": found.levels,
        "mid": mid,
        "slippage": None if slippage is None else round(slippage, 8),
    }


def _first(book: VenueBook, side: str) -> Level | None:
    return next(iter(book.levels(side, depth=1)), None)


def _queue(
    venue_id: str, side: Iterable[BookOrder], own: Mapping[str, str]
) -> Iterable[dict[str, Any]]:
    price, place, ahead = None, 0, ZERO
    for order in side:
        if order.px != price:
            price, place, ahead = order.px, 0, ZERO
        place += 1
        yield {
            "order_id": order.entry_id,
            "cl_ord_id": own.get(order.entry_id),
            "price": order.px,
            "size": order.size,
            "venue_id": venue_id,
            "position": place,
            "ahead": ahead,
        }
        ahead += order.size


def row(level: Level | None) -> dict[str, Any] | None:
    """A price level."""
    if level is None:
        return None
    return {
        "price": level.px,
        "size": level.size,
        "orders": level.orders,
        "venue_id": level.venue_id,
        "min_size": level.min_size,
        "min_increment": level.min_increment,
        "min_balance_remaining": level.min_balance_remaining,
    }


def _quote(
    level: Level | None, facts: InstrumentFacts, settles: date | None
) -> dict[str, Any] | None:
    shown = row(level)
    if shown is None or level is None:
        return None
    ytm = None
    if settles is not None:
        ytm = analytics.yield_to_maturity(
            bond=facts.bond, clean_price=level.px, settlement_date=settles
        )
    return {**shown, "yield_to_maturity": ytm}


def _settles(facts: InstrumentFacts, at: datetime) -> date | None:
    """The day a trade of now settles; None where the calendar does not reach."""
    if facts.bond is None:
        return None
    try:
        return sessions.calendar(facts.market).settlement_date(new_york_date(at))
    except (LookupError, OutsideCalendar):
        return None
