"""Market data from the venue's mouth to every reader: tops in the database, books in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.conf import settings

from oms_site.kit import clock
from tests.market import BOND, Venue, clean_shelf
from venues import market_data
from venues.market_data.shelf import MAX_AGE_S, Shelf, shelf
from venues.messages import MarketDataRequest, Quote
from venues.models import ReferencePrice, TopOfBook
from venues.orderbook import BookState, Composite

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def _clean_shelf() -> Iterator[None]:
    with clean_shelf():
        yield


def seen() -> Composite:
    """As another process sees it."""
    other = Shelf()
    other.look([BOND])
    return other.known(BOND, at=clock.now())


def later(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)


def test_every_process_reads_the_books_that_the_gateway_keeps() -> None:
    assert seen() == Composite(BOND, clock.now(), ())
    one, two = Venue("SIMA"), Venue("SIMB")
    one.begin()
    two.begin()
    whole = seen()
    assert [(b.venue_id, b.state) for b in whole.books] == [("SIMA", "live"), ("SIMB", "live")]
    assert whole.top().ask is not None
    two.hear(two.move(-1))
    top = seen().top()
    assert top.ask is not None
    assert top.ask.venue_id == "SIMB"
    assert whole.top().ask != top.ask


def test_a_dropped_update_makes_the_book_stale_until_its_snapshot_has_come() -> None:
    venue = Venue()
    venue.begin()
    venue.move(1)
    before = seen().books[0]
    venue.hear(venue.move(1))
    stale = seen().books[0]
    assert (stale.state, stale.reason) == (BookState.STALE, "update 1 is missing")
    assert stale.asks == before.asks
    (request,) = venue.feed.wanted()
    assert request == MarketDataRequest(kind="0", securities=(BOND,))
    venue.hear(venue.books.asked(request, clock.now()))
    live = seen().books[0]
    assert (live.state, live.rpt_seq) == (BookState.LIVE, 2)
    assert live.asks != before.asks
    assert venue.feed.wanted() == []


def test_a_lost_line_is_told_to_readers_and_a_silent_one_shows_by_its_age() -> None:
    venue = Venue()
    venue.begin()
    with clock.frozen_at(later(MAX_AGE_S + 1)):
        (book,) = seen().books
        assert (book.state, book.reason) == (BookState.STALE, "not heard of for 13 s")
        venue.beat()
        assert seen().books[0].state is BookState.LIVE
    venue.feed.lose("the venue is not connected")
    assert seen().books[0].reason == "the venue is not connected"


def test_a_lost_cache_is_filled_again_by_the_next_beat() -> None:
    venue = Venue()
    venue.begin()
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(shelf.name(f"book:{BOND}"))
    client.close()
    assert seen().books == ()
    venue.beat()
    assert seen().books[0].asks


def test_without_a_cache_nothing_is_known_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = Venue()
    venue.begin()
    book = venue.feed.shadow.book(BOND)
    assert book is not None
    away = Shelf()
    with redis.Redis.from_url("redis://127.0.0.1:1/0") as nobody:
        monkeypatch.setattr(away, "_client", nobody)
        assert away.write([book]) is False
        away.look([BOND])
        assert away.known(BOND, at=clock.now()).books == ()


def test_only_what_was_looked_at_just_now_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    Venue().begin()
    reader, now = Shelf(), [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    assert reader.known(BOND, at=clock.now()).books == ()
    reader.look([BOND])
    assert reader.known(BOND, at=clock.now()).books
    now[0] += 1.5
    assert reader.known(BOND, at=clock.now()).books == ()


def test_what_another_version_wrote_is_not_known() -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.hset(shelf.name(f"book:{BOND}"), "SIMA", b"\x93\x01\x02\x03")
    client.close()
    assert seen().books == ()


def test_the_reference_price_is_the_best_of_all_venues_that_speak() -> None:
    _top("SIMA", "99", "101")
    assert _reference() == (99, 101, 100, "SIMA")
    _top("SIMB", "99.5", "101.5")
    assert _reference() == (D("99.5"), 101, D("100.25"), "composite")
    with clock.frozen_at(later(16)):
        _top("SIMA", "98", "100")
        assert _reference() == (98, 100, 99, "SIMA")


def test_a_side_that_is_missing_at_one_venue_is_taken_from_another() -> None:
    _top("SIMA", "99", None)
    assert _reference()[3] == "evaluated"
    _top("SIMB", None, "100")
    assert _reference() == (99, 100, D("99.5"), "composite")


def test_an_older_quote_takes_nothing_back() -> None:
    _top("SIMA", "99", "101")
    with clock.frozen_at(later(-5)):
        _top("SIMA", "50", "51")
    assert _reference() == (99, 101, 100, "SIMA")
    assert TopOfBook.objects.get().bid_px == 99


def test_a_move_in_a_book_moves_the_price_that_controls_measure_by() -> None:
    venue = Venue()
    venue.begin()
    before = _reference()
    with clock.frozen_at(later(1)):
        venue.hear(venue.move(4))
        assert _reference()[2] == before[2] + D(4) / 32


def _top(venue: str, bid: str | None, ask: str | None) -> None:
    quote = Quote(
        security_id=BOND,
        at=clock.now(),
        bid_px=D(bid) if bid else None,
        bid_size=D(1_000) if bid else None,
        ask_px=D(ask) if ask else None,
        ask_size=D(1_000) if ask else None,
    )
    assert market_data.take([quote], source=venue) == (bid is not None and ask is not None)


def _reference() -> Any:
    """Bid, ask, mid and source."""
    row = ReferencePrice.objects.get(instrument__cusip=BOND)
    return row.bid_px or D(0), row.ask_px or D(0), row.mid_px, row.source
