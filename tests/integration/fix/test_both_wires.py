"""The same stories over FIX and over the simulated venue's own wire: both come out alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connections

from oms_site.kit import clock
from tests.integration.fix.conftest import SESSION, Outside, speak
from venues import acceptance
from venues.acceptance import Trial
from venues.acceptance.floor import Floor
from venues.acceptance.inquiries import _request
from venues.gateways.port import Gateway
from venues.market_data.feed import Feed
from venues.messages import (
    BookSnapshot,
    DealerQuote,
    ExecType,
    MarketData,
    MarketDataRequest,
    Quote,
    QuoteCancel,
    QuoteRequestReject,
    QuoteResponse,
    QuoteRespType,
    QuoteStatus,
    QuoteStatusReport,
    TapeSnapshot,
)
from venues.models import FixLine, FixMessage
from venues.orderbook import BookState
from venues.simulator.delivery import Faults
from venues.simulator.session import Session

D = Decimal
BOND, OTHER, QUIET = "912810TL2", "912810RX8", "912810TF5"
DEALERS = ("DLR-SWIFT", "DLR-BROAD", "DLR-LOOK", "DLR-FICKLE", "DLR-SHY", "DLR-MUTE")
WIRES = ("fix", "plain")


@pytest.fixture(autouse=True)
def _offered(committed_sandbox: datetime) -> None:
    """The line carries market data."""
    FixLine.objects.filter(pk=SESSION).update(market_data=True)


@pytest.fixture(autouse=True)
def _time_runs(committed_sandbox: datetime) -> Iterator[None]:
    """From the sandbox's moment on: a venue that always hears the same time never gets on."""
    before, held = clock.offset(), clock._frozen
    clock._frozen = None
    clock.shift_to(committed_sandbox - clock.machine_now())
    yield
    clock.shift_to(before)
    clock._frozen = held


def trial(gateway: Callable[[], Gateway], **more: Any) -> Trial:
    terms: dict[str, Any] = {
        "plain": BOND,
        "partly": OTHER,
        "far": D(20),
        "qty": D(10_000),
        "protocols": frozenset({"limit_order_book", "rfq"}),
        "dealers": DEALERS,
        "market_data": True,
        "patience": 15.0,
    }
    return Trial(gateway=gateway, **{**terms, **more})


def way(outside: Outside, wire: str) -> Callable[[], Gateway]:
    return outside.gateway if wire == "fix" else outside.plain


def told(outside: Outside, wire: str, story: Callable[[Floor], Awaitable[Any]], **more: Any) -> Any:
    """What a story comes to over one of the wires."""

    async def run() -> Any:
        floor = Floor(trial(way(outside, wire), **more), way(outside, wire)())
        await floor.connect(1)
        await floor.connect(floor.last_seq + 1)
        try:
            return await story(floor)
        finally:
            await floor.leave()

    return asyncio.run(run())


@pytest.mark.parametrize("wire", WIRES)
def test_the_whole_matrix_is_passed_by_either_wire(outside: Outside, wire: str) -> None:
    found = acceptance.certify(trial(way(outside, wire)))
    assert [(one.requirement, one.fault) for one in found if one.fault] == []
    assert {one.requirement for one in found if one.skipped} == {
        "the least and the largest size are taken"
    }
    assert len(found) == 22


def test_a_quote_may_be_hit_by_an_order_where_the_venue_wants_it_so(outside: Outside) -> None:
    speak("FIXSIM", hits="D")
    rfq = frozenset({"rfq"})
    found = acceptance.certify(trial(outside.gateway, protocols=rfq))
    assert [(one.requirement, one.fault) for one in found if one.fault] == []
    rows = FixMessage.objects.filter(session=SESSION, way="o", msg_type="D")
    assert "\x0140=D\x01" in rows.get().raw


async def _prices(floor: Floor) -> dict[str, Any]:
    """Books, tapes and tops of two securities, as the gateway tells them."""
    names = (BOND, QUIET)
    for about in ("book", "tape", "top"):
        await floor.say(MarketDataRequest(kind="1", securities=names, about=about))

    def told(kind: type[Any], name: str) -> Any:
        found = (p for p in floor.prices if isinstance(p, kind) and p.security_id == name)
        return next((p for p in found if p.rpt_seq is not None), None)

    kinds = (BookSnapshot, TapeSnapshot, Quote)
    await floor.wait(lambda: all(told(k, n) for k in kinds for n in names) or None)
    found: dict[str, Any] = {}
    for name in names:
        book, tape, top = (told(kind, name) for kind in kinds)
        found[f"book {name}"] = (book.rpt_seq, book.entries)
        found[f"top {name}"] = (top.bid_px, top.bid_size, top.ask_px, top.ask_size, top.rpt_seq)
        # Time goes on between two stories: a few prints more at the end are no matter.
        found[f"tape {name}"] = (tape.day, [(p.at, p.px, p.size) for p in tape.prints[8:24]])
    return found


def test_books_tops_and_tapes_are_the_same_values_on_either_wire(outside: Outside) -> None:
    by_fix, plainly = (told(outside, wire, _prices) for wire in WIRES)
    for name, value in by_fix.items():
        if name.startswith("tape"):
            assert value[0] == plainly[name][0]
            assert len(set(value[1]) & set(plainly[name][1])) >= 8
        else:
            assert value == plainly[name], name


async def _asked(floor: Floor) -> list[Any]:
    """What dealers say to an inquiry in the first second, without ids and times."""
    asked = _request(floor, BOND)
    await floor.say(asked)

    def enough() -> bool | None:
        done = {one.dealer for one in floor.quotes if isinstance(one, DealerQuote)}
        passed = any(
            isinstance(one, QuoteStatusReport) and one.quote_status == QuoteStatus.PASS
            for one in floor.quotes
        )
        return (len(done) == 4 and passed) or None

    await floor.wait(enough)
    found: list[Any] = []
    for one in floor.quotes:
        match one:
            case DealerQuote():
                found.append(("quote", one.dealer, one.px, one.size, one.side, one.round))
            case QuoteStatusReport():
                found.append(("status", one.dealer, int(one.quote_status), one.text))
            case QuoteRequestReject():
                found.append(("refused", one.reason, one.text))
    return sorted(found, key=str)


def test_dealers_answer_alike_on_either_wire(outside: Outside) -> None:
    by_fix, plainly = (told(outside, wire, _asked) for wire in WIRES)
    assert by_fix == plainly
    assert [one[0] for one in by_fix].count("quote") == 4


async def _countered(floor: Floor) -> list[Any]:
    """Counters, a better quote and no quote any more, and a hit on one that is not there."""
    asked = _request(floor, BOND)
    await floor.say(asked)
    first = await floor.wait(lambda: _quotes_of(floor, "DLR-BROAD")[:1] or None)
    terms: dict[str, Any] = {
        "quote_req_id": asked.quote_req_id,
        "security_id": BOND,
        "side": "1",
        "transact_time": clock.now(),
        "quote_id": first[0].quote_id,
        "order_qty": D(10_000),
    }

    def answer(**more: Any) -> QuoteResponse:
        return QuoteResponse(**{**terms, **more})

    px = first[0].px - D("0.01")
    await floor.say(answer(cl_ord_id="c-1", resp_type=QuoteRespType.COUNTER, price=px))
    second = (await floor.wait(lambda: _quotes_of(floor, "DLR-BROAD")[1:2] or None))[0]
    gone = f"h-{asked.quote_req_id}"
    await floor.say(answer(cl_ord_id=gone, resp_type=QuoteRespType.HIT, price=first[0].px))
    refused = await floor.wait(
        lambda: [r for r in floor.of(gone) if r.exec_type is ExecType.REJECTED] or None
    )
    fickle = (await floor.wait(lambda: _quotes_of(floor, "DLR-FICKLE") or None))[-1]
    countered = answer(
        cl_ord_id="c-2",
        resp_type=QuoteRespType.COUNTER,
        quote_id=fickle.quote_id,
        price=fickle.px - D("0.01"),
    )
    await floor.say(countered)
    left = await floor.wait(
        lambda: next((one for one in floor.quotes if isinstance(one, QuoteCancel)), None)
    )
    assert left.quote_id == fickle.quote_id
    return [second.px - first[0].px, second.round, refused[0].text, left.dealer, left.text]


def _quotes_of(floor: Floor, dealer: str) -> list[DealerQuote]:
    return [one for one in floor.quotes if isinstance(one, DealerQuote) and one.dealer == dealer]


def test_a_counter_and_a_late_hit_come_out_alike(outside: Outside) -> None:
    by_fix, plainly = (told(outside, wire, _countered) for wire in WIRES)
    assert by_fix == plainly
    assert by_fix == [
        D("-0.005"),
        2,
        "the quote was changed or withdrawn",
        "DLR-FICKLE",
        "no better price",
    ]


async def _work_in(feed: Feed, said: list[MarketData]) -> None:
    """As a connection does: in a thread."""

    def work() -> None:
        try:
            feed.take(said)
        finally:
            connections.close_all()

    await asyncio.to_thread(work)


def _moving(ticks: int) -> Callable[[Session], None]:
    return lambda session: session.market.move(BOND, ticks)


async def _gaps(outside: Outside, feed: Feed, floor: Floor) -> None:
    """A feed in which updates get lost, until it is whole again."""
    await floor.say(*feed.begin())
    heard = 0

    async def hear(until: Callable[[], bool]) -> None:
        nonlocal heard
        async with asyncio.timeout(30):
            while True:
                fresh, heard = floor.prices[heard:], len(floor.prices)
                await _work_in(feed, fresh)
                if until():
                    return
                async for frames in floor.gateway.receive():
                    for frame in frames:
                        floor._take(frame.text, frame.message, frame.error)
                    break
                if missing := feed.wanted():
                    await floor.say(*missing)

    def state() -> BookState | None:
        book = feed.shadow.book(BOND)
        return book.state if book is not None else None

    await hear(lambda: state() is BookState.LIVE and feed.recorder.tape(BOND) is not None)
    await asyncio.to_thread(outside.do, lambda s: s.spoil_books(Faults(drop=0.6, seed=3)))
    for n in range(12):
        await asyncio.to_thread(outside.do, _moving(1 - 2 * (n % 2)))
        await asyncio.to_thread(outside.do, lambda s: s.commit())
        await asyncio.sleep(0.25)
    await hear(lambda: feed.shadow.gaps > 0)
    await asyncio.to_thread(outside.do, lambda s: s.spoil_books(Faults()))
    await asyncio.to_thread(outside.do, _moving(2))
    await asyncio.to_thread(outside.do, lambda s: s.commit())

    def same() -> bool:
        book = feed.shadow.book(BOND)
        top = outside.venue.session(SESSION).market.quote(BOND, clock.now())
        return (
            book is not None
            and book.state is BookState.LIVE
            and book.bids[0].px == top.bid_px
            and book.asks[0].px == top.ask_px
        )

    await hear(same)


@pytest.mark.parametrize("wire", WIRES)
def test_a_lost_update_is_seen_by_its_number_and_told_anew(outside: Outside, wire: str) -> None:
    feed = Feed("FIXSIM")
    told(outside, wire, partial(_gaps, outside, feed))
    assert feed.shadow.gaps > 0


def test_a_venue_that_offers_no_market_data_is_asked_for_none(outside: Outside) -> None:
    FixLine.objects.filter(pk=SESSION).update(market_data=False)

    async def story(floor: Floor) -> None:
        await floor.say(*Feed("FIXSIM").begin())
        await floor.resting()

    told(outside, "fix", story)
    assert not FixMessage.objects.filter(session=SESSION, msg_type="V").exists()


def test_what_is_refused_in_company_is_asked_for_alone(outside: Outside) -> None:
    """One security that the venue does not have costs nobody the others."""
    feed = Feed("FIXSIM")

    async def story(floor: Floor) -> None:
        names = (BOND, "NOSUCH000")
        await floor.say(MarketDataRequest(kind="1", securities=names))
        await floor.wait(lambda: floor.prices[:1] or None)
        await _work_in(feed, floor.prices)
        again = feed.wanted()
        assert sorted(one.securities for one in again) == [(BOND,), ("NOSUCH000",)]
        heard = len(floor.prices)
        await floor.say(*again)
        await floor.wait(lambda: floor.prices[heard + 1 :] or None)
        await _work_in(feed, floor.prices[heard:])

    told(outside, "fix", story)
    book = feed.shadow.book(BOND)
    assert book is not None
    assert book.state is BookState.LIVE
    assert feed.wanted() == []


def test_books_and_tapes_are_kept_by_nobody(outside: Outside) -> None:
    async def story(floor: Floor) -> None:
        await floor.say(MarketDataRequest(kind="1", securities=(BOND,)))
        await floor.wait(lambda: [p for p in floor.prices if isinstance(p, BookSnapshot)] or None)

    told(outside, "fix", story)
    kinds = FixMessage.objects.filter(session=SESSION).values_list("msg_type", flat=True)
    assert "V" in kinds
    assert not {"W", "X"} & set(kinds)
