"""The acceptance matrix passes a venue that does everything, and names what another does wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oms_site.kit import clock
from venues import acceptance, catalog, messages
from venues.acceptance import Finding, Trial, prices
from venues.acceptance.floor import Floor
from venues.gateways.port import Frame
from venues.gateways.simulator.gateway import SimulatorGateway
from venues.messages import (
    BookSnapshot,
    BookUpdate,
    CancelReject,
    ExecType,
    ExecutionReport,
    MarketData,
    MarketDataRequest,
    MdEntry,
    Quote,
    TapePrint,
    TapeUpdate,
    WireOut,
)
from venues.simulator.server import Venue

D = Decimal
DEALERS = ("DLR-SWIFT", "DLR-MUTE")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A simulated venue in a thread of its own."""
    sock = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        venue = Venue(directory=tmp_path, listings=catalog.listings())
        server = await venue.listen(sock)
        try:
            await venue.run()
        finally:
            server.close()
            venue.close()
            await asyncio.sleep(0.05)

    running = loop.create_task(serve())

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(running)

    thread = threading.Thread(target=run)
    thread.start()
    yield sock.getsockname()[1]
    loop.call_soon_threadsafe(running.cancel)
    thread.join(10)
    loop.close()


class Twisted(SimulatorGateway):
    """A line on which reports are not what the venue said."""

    def __init__(self, twist: str, **where: Any) -> None:
        super().__init__(**where)
        self._twist = twist
        self.executions: dict[tuple[Decimal | None, Decimal | None], str] = {}

    async def send(self, messages_: Sequence[WireOut]) -> None:
        if self._twist == "silent":
            messages_ = [m for m in messages_ if isinstance(m, messages.Logon | messages.Heartbeat)]
        await super().send(messages_)

    async def receive(self) -> AsyncIterator[list[Frame]]:
        async for frames in super().receive():
            yield [self._twisted(frame) for frame in frames]

    def _twisted(self, frame: Frame) -> Frame:
        said = frame.message
        changes: dict[str, Any] = {}
        if isinstance(said, ExecutionReport):
            self.executions[said.last_px, said.last_qty] = said.exec_id
            if self._twist == "same ids":
                changes = {"exec_id": "E"}
            elif self._twist == "wrong sums" and said.leaves_qty:
                changes = {"leaves_qty": said.leaves_qty + 1}
            elif self._twist == "keeps open" and said.exec_type is ExecType.CANCELED:
                changes = {"leaves_qty": D(1)}
            elif self._twist == "gap" and said.seq % 2:
                changes = {"seq": said.seq + 1000}
        elif isinstance(said, BookUpdate) and self._twist == "stuck":
            changes = {"rpt_seq": 0}
        elif isinstance(said, TapeUpdate) and self._twist == "named":
            changes = {"prints": tuple(self._named(one) for one in said.prints)}
        elif isinstance(said, CancelReject) and self._twist == "one reason":
            changes = {"cxl_rej_reason": 99}
        if changes:
            assert said is not None
            said = msgspec.structs.replace(said, **changes)
        return Frame(frame.text, said)

    def _named(self, one: TapePrint) -> TapePrint:
        """A public trade under the id that only its owner should know."""
        mine = self.executions.get((one.px, one.size), one.trade_id)
        return msgspec.structs.replace(one, trade_id=mine)


def trial(port: int, twist: str = "", **changes: Any) -> Trial:
    """What SIMA's test session is tried with."""
    terms: dict[str, Any] = {
        "gateway": lambda: Twisted(twist, session="CERT-SIMA", host="127.0.0.1", port=port),
        "plain": "912810TL2",
        "partly": "912810RX8",
        "far": D(20),
        "qty": D(10_000),
        "market_data": True,
        "patience": 3.0,
        **changes,
    }
    return Trial(**terms)


def faults(found: Sequence[Finding]) -> dict[str, str]:
    return {one.requirement: one.fault for one in found if one.fault}


def test_the_simulated_venue_passes_everything_twice(port: int) -> None:
    sizes: dict[str, Any] = {"min_qty": D(1000), "max_qty": D(50_000_000)}
    for _ in range(2):
        found = acceptance.certify(trial(port, **sizes))
        assert faults(found) == {}
        assert not any(one.skipped for one in found)
        assert len(found) == 19


def test_the_quote_venue_passes_what_is_asked_of_it(port: int) -> None:
    found = acceptance.certify(trial(port, protocols=frozenset({"rfq"}), dealers=DEALERS))
    assert [(one.requirement, one.fault, one.skipped) for one in found] == [
        ("an inquiry is quoted, with a size and an end", "", ""),
        ("a hit quote trades at its price and size", "", ""),
        ("an inquiry that cannot be is refused", "", ""),
    ]


@pytest.mark.parametrize(
    ("twist", "requirement", "fault"),
    [
        ("same ids", "reports are numbered without a gap", "an ExecID was used twice"),
        ("gap", "reports are numbered without a gap", "reports are numbered"),
        ("wrong sums", "an order that nobody meets rests", "open"),
        ("keeps open", "a resting order is canceled when asked", "has 1 open"),
        ("one reason", "a cancel after the fill is too late", "refused with 99"),
        ("stuck", "a book is told whole", "a change under 0"),
        ("named", "every trade is printed once", "tells whose it was"),
    ],
)
def test_what_a_venue_does_wrong_is_named(
    port: int, twist: str, requirement: str, fault: str
) -> None:
    found = faults(acceptance.certify(trial(port, twist)))
    named = [text for name, text in found.items() if name.startswith(requirement)]
    assert named
    assert fault in named[0]


class Told:
    """A line on which books and tops are said as they are given, one for each that is asked for."""

    def __init__(self, *said: MarketData) -> None:
        self._books = [one for one in said if isinstance(one, BookSnapshot)]
        self._tops = [one for one in said if isinstance(one, Quote)]
        self._waiting: list[MarketData] = []

    async def send(self, asked: Sequence[MarketDataRequest]) -> None:
        for one in asked:
            left: list[Any] = self._tops if one.about == "top" else self._books
            self._waiting.append(left.pop(0) if len(left) > 1 else left[0])

    async def receive(self) -> AsyncIterator[list[Frame]]:
        said, self._waiting = self._waiting, []
        yield [Frame("", one) for one in said]


def book(rpt_seq: int, bid: int, ask: int = 101) -> BookSnapshot:
    entries = (
        MdEntry(entry_id="1", entry_type="0", px=D(bid), size=D(1)),
        MdEntry(entry_id="2", entry_type="0", px=D(bid - 1), size=D(1)),
        MdEntry(entry_id="3", entry_type="1", px=D(ask), size=D(1)),
        MdEntry(entry_id="4", entry_type="1", px=D(ask + 1), size=D(1)),
    )
    return BookSnapshot(security_id="912810TL2", rpt_seq=rpt_seq, at=clock.now(), entries=entries)


def top(rpt_seq: int, bid: int, ask: int = 101) -> Quote:
    return Quote(
        security_id="912810TL2", at=clock.now(), bid_px=D(bid), ask_px=D(ask), rpt_seq=rpt_seq
    )


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ([book(5, 99), top(6, 98), book(6, 98), top(6, 98)], ""),
        ([book(5, 99), top(6, 98), book(7, 97), top(8, 96), book(9, 95), top(9, 95)], ""),
        ([book(5, 99), top(5, 98)], "the best bid of the book is 99, of its top 98"),
        ([book(5, 99), top(5, 99, 102)], "the best ask of the book is 101, of its top 102"),
        ([book(5, 99), top(6, 99)], "the book is told under 5, its top under 6"),
    ],
)
def test_a_book_is_held_against_the_top_of_the_same_number(
    said: list[MarketData], fault: str
) -> None:
    (required,) = (one for one in prices.REQUIREMENTS if one.name.startswith("the top of a book"))
    floor = Floor(trial(0, patience=0.2), Told(*said))  # type: ignore[arg-type]  # what is used of it
    assert asyncio.run(required.check(floor)) == fault  # type: ignore[arg-type]  # a coroutine


def test_a_venue_that_does_not_answer_meets_nothing(port: int) -> None:
    found = acceptance.certify(trial(port, "silent", patience=0.2, min_qty=D(1000)))
    assert set(faults(found).values()) == {"no answer within 0.2 seconds"}
    assert len(faults(found)) == len(found)


def test_what_a_venue_does_not_claim_is_not_asked_of_it(port: int) -> None:
    modest = trial(
        port,
        replaces=False,
        times_in_force=frozenset({"day"}),
        ord_types=frozenset({"limit"}),
    )
    found = acceptance.certify(modest)
    assert faults(found) == {}
    skipped = {one.requirement: one.skipped for one in found if one.skipped}
    assert skipped["a resting order is replaced, and replaced again"]
    assert skipped["part of an order trades, the rest is canceled"] == "it takes no market orders"
    tried = [one.requirement for one in found if not one.skipped]
    assert "a resting order is canceled when asked" in tried
