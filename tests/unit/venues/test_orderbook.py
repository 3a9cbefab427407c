"""Books of several venues as one, levels, staleness, and what taking a quantity would give."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from tests.unit.venues.simulator_bench import PLAIN, START
from venues import orderbook
from venues.orderbook import BookOrder, BookState, Composite, LastTrade, Level, VenueBook

D = Decimal


def book(venue: str, bids: str = "", asks: str = "", **more: object) -> VenueBook:
    """`"100x5 100x3 99x1"` are three orders."""

    def side(text: str) -> tuple[BookOrder, ...]:
        pairs = [one.split("x") for one in text.split()]
        return tuple(BookOrder(f"{venue}{n}", D(px), D(size)) for n, (px, size) in enumerate(pairs))

    fields: dict[str, object] = {"rpt_seq": 1, "heard_at": START, **more}
    return VenueBook(
        venue_id=venue,
        security_id=PLAIN,
        bids=side(bids),
        asks=side(asks),
        **fields,  # type: ignore[arg-type]  # names and types as the caller says
    )


def levels(found: list[Level]) -> list[tuple[str, int, int, str]]:
    return [(str(one.px), int(one.size), one.orders, one.venue_id) for one in found]


def test_orders_at_a_price_are_one_level_with_their_count() -> None:
    one = book("A", asks="101x5 101x3 102x1")
    assert levels(one.levels("buy")) == [("101", 8, 2, "A"), ("102", 1, 1, "A")]
    assert levels(one.levels("buy", depth=1)) == [("101", 8, 2, "A")]
    assert one.levels("sell") == []


def test_the_best_of_three_venues_is_right_and_names_its_venue() -> None:
    books = (book("A", "99x1", "102x1"), book("B", "100x2", "103x1"), book("C", "98x1", "101x7"))
    whole = Composite(PLAIN, START, books)
    top = whole.top()
    assert top.bid is not None
    assert top.ask is not None
    assert (top.bid.px, top.bid.venue_id) == (D(100), "B")
    assert (top.ask.px, top.ask.venue_id) == (D(101), "C")
    assert (top.mid, top.is_crossed) == (D("100.5"), False)
    assert levels(whole.levels("buy", depth=2)) == [("101", 7, 1, "C"), ("102", 1, 1, "A")]


def test_a_stale_book_is_shown_to_who_asks_and_counts_for_nothing() -> None:
    stale = book("A", "100x1", "100x9", state=BookState.STALE)
    whole = Composite(PLAIN, START, (stale, book("B", "98x1", "102x1")))
    assert (whole.state, [b.venue_id for b in whole.live]) == (BookState.LIVE, ["B"])
    assert whole.top().ask == whole.levels("buy")[0]
    assert whole.levels("buy")[0].venue_id == "B"
    assert whole.levels("buy", live_only=False)[0].venue_id == "A"
    alone = Composite(PLAIN, START, (stale,))
    assert (alone.state, alone.top().mid) == (BookState.STALE, None)


def test_a_book_that_was_not_heard_of_is_stale_also_when_its_time_lies_ahead() -> None:
    one = book("A", "100x1")
    assert one.seen(START + timedelta(seconds=9), max_age_s=10).state is BookState.LIVE
    late = one.seen(START + timedelta(seconds=11), max_age_s=10)
    assert (late.state, late.reason) == (BookState.STALE, "not heard of for 11 s")
    assert one.seen(START - timedelta(seconds=11), max_age_s=10).state is BookState.STALE


def test_venues_at_one_price_are_one_line_when_they_are_combined() -> None:
    whole = Composite(PLAIN, START, (book("A", asks="101x5 101x3"), book("B", asks="101x2 102x1")))
    found = orderbook.combined(whole.levels("buy"))
    assert levels(found) == [("101", 10, 3, "A+B"), ("102", 1, 1, "B")]


def test_the_last_trade_is_the_latest_of_any_venue() -> None:
    early = LastTrade(D(100), D(1), START)
    late = LastTrade(D(101), D(2), START + timedelta(seconds=1))
    whole = Composite(PLAIN, START, (book("A", trade=late), book("B", trade=early), book("C")))
    assert whole.last_trade() == ("A", late)
    assert Composite(PLAIN, START).last_trade() is None


def test_a_sweep_stops_at_the_limit_and_tells_average_and_worst() -> None:
    rows = book("A", asks="100x2 101x3 103x9").levels("buy")
    whole = orderbook.sweep(rows, qty=D(4), limit=D(102), side="buy")
    assert (whole.qty, whole.avg_px, whole.worst_px, whole.levels) == (D(4), D("100.5"), D(101), 2)
    part = orderbook.sweep(rows, qty=D(9), limit=D(102), side="buy")
    assert (part.qty, part.levels) == (D(5), 2)
    nothing = orderbook.sweep(rows, qty=D(9), limit=D(99), side="buy")
    assert (nothing.qty, nothing.avg_px, nothing.worst_px) == (D(0), None, None)


def test_a_level_is_taken_in_its_pieces() -> None:
    level = Level(
        px=D(100),
        size=D(1_000),
        orders=1,
        venue_id="A",
        min_size=D(200),
        min_increment=D(100),
        min_balance_remaining=D(300),
    )
    found = [orderbook.takeable(D(q), level) for q in (199, 650, 750, 999, 1_000, 5_000)]
    assert found == [0, 600, 700, 700, 1_000, 1_000]
