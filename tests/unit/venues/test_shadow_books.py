"""Books as we keep them: gaps are seen, the old book stays and is stale, nothing is guessed."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from oms_site.kit import clock
from tests.unit.venues.simulator_bench import PLAIN, START, Bench
from venues import messages
from venues.market_data import shadow
from venues.market_data.shadow import Shadow
from venues.messages import BookSnapshot, BookUpdate, MarketDataRequest, MdEntry, Quote
from venues.orderbook import BookState, VenueBook
from venues.simulator import depth
from venues.simulator.delivery import Faults
from venues.simulator.publication import Publication

D = Decimal


def entry(name: str, px: str = "100", size: int = 1_000, **more: str) -> MdEntry:
    fields = {"entry_type": "0", **more}
    return MdEntry(entry_id=name, px=D(px), size=D(size), **fields)  # type: ignore[arg-type]  # literals


def snapshot(seq: int, *entries: MdEntry) -> BookSnapshot:
    return BookSnapshot(security_id=PLAIN, rpt_seq=seq, at=START, entries=entries)


def update(seq: int, *entries: MdEntry) -> BookUpdate:
    at = START + timedelta(seconds=seq)
    return BookUpdate(security_id=PLAIN, rpt_seq=seq, at=at, entries=entries)


def beat(seq: int | None) -> Quote:
    return Quote(security_id=PLAIN, at=START + timedelta(seconds=100), rpt_seq=seq)


def kept(one: Shadow) -> VenueBook:
    book = one.book(PLAIN)
    assert book is not None
    return book


def names(one: Shadow) -> list[str]:
    return [order.entry_id for order in kept(one).bids]


def test_updates_that_follow_are_applied_and_repeats_are_not() -> None:
    one = Shadow("SIMA")
    assert one.take([snapshot(4, entry("A"))]) == {PLAIN}
    one.take([update(5, entry("B")), update(5, entry("X")), update(3, entry("Y"))])
    assert (names(one), kept(one).rpt_seq, kept(one).state) == (["A", "B"], 5, BookState.LIVE)
    one.take([update(6, entry("A", action="2"))])
    assert names(one) == ["B"]
    assert kept(one).heard_at == START + timedelta(seconds=6)


def test_a_gap_leaves_the_old_book_stale_until_a_snapshot_closes_it() -> None:
    one = Shadow("SIMA")
    one.take([snapshot(1, entry("A"))])
    assert one.wanted() == []
    one.take([update(3, entry("C"))])
    assert (names(one), kept(one).state) == (["A"], BookState.STALE)
    assert kept(one).reason == "update 2 is missing"
    assert (one.wanted(), one.wanted(), one.gaps) == ([PLAIN], [], 1)
    one.take([update(4, entry("D"))])
    assert (names(one), one.gaps) == (["A"], 1)
    one.take([snapshot(3, entry("A"), entry("B"), entry("C"))])
    assert (names(one), kept(one).rpt_seq) == (["A", "B", "C", "D"], 4)
    assert kept(one).state is BookState.LIVE


def test_what_was_only_overtaken_closes_the_gap_by_itself() -> None:
    one = Shadow("SIMA")
    one.take([snapshot(1, entry("A")), update(3, entry("C"))])
    assert kept(one).state is BookState.STALE
    one.take([update(2, entry("B"))])
    assert (names(one), kept(one).state) == (["A", "B", "C"], BookState.LIVE)
    assert one.wanted() == []


def test_an_update_that_was_lost_last_shows_by_the_venues_own_number() -> None:
    one = Shadow("SIMA")
    one.take([snapshot(1, entry("A")), beat(1)])
    assert (kept(one).state, kept(one).heard_at) == (BookState.LIVE, beat(1).at)
    one.take([beat(None)])
    assert kept(one).state is BookState.LIVE
    one.take([beat(2)])
    assert kept(one).state is BookState.STALE
    assert one.wanted() == [PLAIN]


def test_a_snapshot_that_does_not_come_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    one = Shadow("SIMA")
    one.take([update(1, entry("A"))])
    assert one.book(PLAIN) is None
    assert (one.wanted(), one.wanted()) == ([PLAIN], [])
    now[0] += shadow.ASK_AGAIN_SECONDS
    assert one.wanted() == [PLAIN]


def test_a_lost_line_makes_every_book_stale_and_numbers_of_a_new_session_begin_anew() -> None:
    one = Shadow("SIMA")
    one.take([snapshot(7, entry("A"))])
    assert one.lose("gone") == {PLAIN}
    assert (names(one), kept(one).state, kept(one).reason) == (["A"], BookState.STALE, "gone")
    one.take([snapshot(0, entry("B")), update(1, entry("C"))])
    assert (names(one), kept(one).rpt_seq) == (["B", "C"], 1)
    assert kept(one).state is BookState.LIVE


def test_an_order_keeps_its_place_when_it_shrinks_and_goes_behind_when_it_grows() -> None:
    one = Shadow("SIMA")
    one.take([snapshot(0, entry("A"), entry("B"), entry("C"))])
    one.take([update(1, entry("A", size=500, action="1"))])
    assert names(one) == ["A", "B", "C"]
    one.take([update(2, entry("A", size=900, action="1"))])
    assert names(one) == ["B", "C", "A"]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_lost_the_book_is_stale_or_the_venues_own(seed: int) -> None:
    bench, one, dice = Bench(), Shadow("SIMA"), random.Random(seed)

    def read(cusip: str) -> tuple[MdEntry, ...]:
        resting = bench.exchange.register.live.get(cusip, {})
        return depth.entries(bench.market, cusip, resting.values())

    books = Publication(lambda: [PLAIN], read)

    def hear(lines: list[bytes]) -> None:
        found = [messages.decode_incoming(text) for text in lines]
        one.take([m for m in found if isinstance(m, messages.BookMessage)])

    hear(books.asked(MarketDataRequest(kind="1"), START))
    books.spoil(Faults(drop=0.3, duplicate=0.3, reorder=3, seed=seed))
    for _ in range(200):
        bench.market.move(PLAIN, dice.choice((-2, -1, 1, 2)))
        books.note([], bench.market.take_moved())
        hear(books.updates(START))
        if dice.random() < 0.2:
            hear(books.asked(MarketDataRequest(kind="0", securities=(PLAIN,)), START))
            theirs = [(e.entry_id, e.px, e.size) for e in read(PLAIN) if e.entry_type == "0"]
            assert [(o.entry_id, o.px, o.size) for o in kept(one).bids] == theirs
        if kept(one).state is BookState.LIVE and kept(one).rpt_seq == books.number(PLAIN):
            assert {o.entry_id for o in kept(one).asks} == {
                e.entry_id for e in read(PLAIN) if e.entry_type == "1"
            }
    assert one.gaps > 5
