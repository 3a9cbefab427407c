"""One session of the venue: an exchange, its journal, its clock and the line to its peer.

Order of things in every turn: decide, write the journal, send. A peer that logs on gets every
report it asks for from the journal, then the live ones; a peer that reads slowly falls back to
being served from the journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from venues import messages
from venues.messages import (
    Heartbeat,
    Logon,
    LogonAck,
    MarketDataRequest,
    MarketDataRequestReject,
)
from venues.simulator import dealers, depth, sweeping
from venues.simulator.delivery import Faults, Mangler
from venues.simulator.exchange import Exchange
from venues.simulator.journal import Journal
from venues.simulator.market import Market
from venues.simulator.misfortunes import Misfortunes
from venues.simulator.priority import Rule
from venues.simulator.publication import Publication
from venues.simulator.tape import Tape
from venues.simulator.time import VenueClock

log = logging.getLogger(__name__)


class Session:
    """Everything of one session that outlives a connection, and the connection there is."""

    def __init__(
        self,
        name: str,
        *,
        directory: Path,
        market: Market,
        clock: VenueClock | None = None,
    ) -> None:
        self.name = name
        self.clock = clock or VenueClock()
        self.market = market
        self.journal = Journal(directory, name)
        self.exchange = Exchange(self.journal.register, market)
        self.books = Publication(market.securities, self._book)
        self.tape = Tape(market, lambda: self.journal.register, seed=name)
        self.silent = False
        self.rule = sweeping.RULES.get(name, Rule())
        self.misfortunes = Misfortunes()
        self._mangler = Mangler()
        self._line: asyncio.Transport | None = None
        self._next_seq = 0
        self._reads = asyncio.Event()
        self._catching_up: asyncio.Task[None] | None = None

    def attach(self, line: asyncio.Transport, logon: Logon) -> None:
        """Serve this peer from now on, from the report it asks for; the former peer is cut off."""
        former, self._line = self._line, line
        if former is not None:
            former.abort()
        self._stop_catching_up()
        self.books.leave()
        self.tape.leave()
        self._reads.set()
        self._mangler.begin_anew()
        self.clock.learn(logon.now)
        self._next_seq = max(logon.next_seq, 1)
        self._put([messages.encode(LogonAck(last_seq=self.journal.last_seq))])
        self.send_quotes()
        if not self.silent:
            self._catch_up()

    def detach(self, line: asyncio.Transport) -> None:
        """This peer has gone."""
        if self._line is line:
            self._line = None
            self._stop_catching_up()

    def receive(self, line: asyncio.Transport, frames: Sequence[bytes]) -> None:
        """Act on what the peer sent in one go. Ignores a peer that has been replaced."""
        if self._line is not line:
            return
        at = self.clock.now()
        for frame in frames:
            try:
                message = messages.decode_outgoing(frame)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                log.warning("%s: unreadable frame %.200r", self.name, frame)
                continue
            if isinstance(message, Heartbeat):
                self.clock.learn(message.now)
                at = self.clock.now()
            elif isinstance(message, MarketDataRequest):
                if self.name not in dealers.BOOKLESS:
                    self._put(self._asked(message, at))
            elif not isinstance(message, Logon):
                self.journal.add(frame)
                self.misfortunes.meet(self.exchange, message, at)
        self.commit()

    def tick(self) -> None:
        """Do what is due. Nothing is, before a peer has told the time."""
        if self.clock.known:
            self.exchange.tick(self.clock.now())
            self.commit()
        held = [*self._mangler.release(), *self.books.release(), *self.tape.release()]
        if held:
            self._put(held)

    def commit(self) -> None:
        """Write what has been decided, then send it."""
        at = self.clock.now()
        taken = self.exchange.take()
        self.books.note([report for report, _ in taken], self.market.take_moved())
        self.tape.note([report for report, _ in taken], at)
        made = [(messages.encode(report), copies) for report, copies in taken]
        for text, _ in made:
            self.journal.add(text)
        try:
            self.journal.write(at)
        except OSError as error:
            # What cannot be remembered must not be said, and memory is now ahead of the disk.
            raise SystemExit(f"{self.name}: the journal cannot be written: {error}") from error
        self.misfortunes.crash_if_due()
        if made and self._line is not None and self._catching_up is None and not self.silent:
            self._next_seq = self.journal.last_seq + 1
            lines = [text for text, copies in made for _ in range(copies)]
            self._put(self._mangler.mangle(self.misfortunes.deliver(lines)), late=True)
        if self.misfortunes.cuts():
            self.disconnect()

    def send_heartbeat(self) -> None:
        """Tell the peer that we live, our time, and what has traded since the last one."""
        at = self.clock.now()
        printed = self.tape.updates(at) if self._line is not None and self._reads.is_set() else []
        beat = Heartbeat(now=at, last_seq=self.journal.last_seq)
        self._put([*printed, messages.encode(beat)])

    def send_quotes(self) -> None:
        """Tell the peer the top of every book."""
        if self.name not in dealers.BOOKLESS and self._line is not None and self._reads.is_set():
            at = self.clock.now()
            quotes = (self.market.quote(cusip, at) for cusip in self.market.securities())
            self._put([messages.encode(self._numbered(quote)) for quote in quotes])

    def send_books(self) -> None:
        """Tell a peer that follows them what has changed in the books."""
        if self._line is not None and self._reads.is_set():
            self._put(self.books.updates(self.clock.now()))

    def spoil_books(self, faults: Faults) -> None:
        """Deliver updates of books and tapes with these faults from now on."""
        self._put([*self.books.spoil(faults), *self.tape.spoil(faults)])

    def _numbered(self, quote: messages.Quote) -> messages.Quote:
        name = quote.security_id
        return msgspec.structs.replace(
            quote, rpt_seq=self.books.number(name), tape_seq=self.tape.number(name)
        )

    def _asked(self, request: MarketDataRequest, at: datetime) -> list[bytes]:
        """What a request for market data is answered with: all of it or, for a wrong name, none."""
        unknown = [name for name in request.securities if not self.market.knows(name)]
        if unknown:
            refusal = MarketDataRequestReject(
                securities=request.securities,
                about=request.about,
                reason="0",
                text=f"unknown: {', '.join(unknown[:10])}",
            )
            return [messages.encode(refusal)]
        if request.about == "top":
            names = request.securities or self.market.securities()
            tops = (self._numbered(self.market.quote(name, at)) for name in names)
            return [messages.encode(top) for top in tops] if request.kind != "2" else []
        return (self.tape if request.about == "tape" else self.books).asked(request, at)

    def _book(self, cusip: str) -> tuple[messages.MdEntry, ...]:
        resting = self.journal.register.live.get(cusip, {})
        return depth.entries(self.market, cusip, resting.values())

    def spoil(self, faults: Faults) -> None:
        """Deliver the live stream with these faults from now on."""
        self._put(self._mangler.spoil(faults))

    def disconnect(self) -> None:
        """Cut the line without a word."""
        if self._line is not None:
            self._line.abort()

    def close(self) -> None:
        """End the session's work in this process."""
        self.disconnect()
        self._stop_catching_up()
        self.journal.close()

    def pause(self, line: asyncio.Transport) -> None:
        """The peer does not keep up with its line: go on from the journal once it does."""
        if self._line is line:
            self._reads.clear()
            self._catch_up()

    def resume(self, line: asyncio.Transport) -> None:
        """The peer reads again."""
        if self._line is line:
            self._reads.set()

    def _catch_up(self) -> None:
        if self._catching_up is None:
            self._catching_up = asyncio.create_task(self._serve_from_journal())

    async def _serve_from_journal(self) -> None:
        await self._reads.wait()
        while self._next_seq <= self.journal.last_seq:
            lines = self.journal.read(self._next_seq)
            self._next_seq += len(lines)
            self._put(lines)
            await asyncio.sleep(0)
            await self._reads.wait()
        self._catching_up = None

    def _stop_catching_up(self) -> None:
        if self._catching_up is not None:
            self._catching_up.cancel()
            self._catching_up = None

    def _put(self, lines: Sequence[bytes], *, late: bool = False) -> None:
        line = self._line
        if line is None or self.silent or not lines or line.is_closing():
            return
        text = b"\n".join([*lines, b""])
        delay = self._mangler.faults.delay_ms if late else 0
        if delay:
            asyncio.get_running_loop().call_later(delay / 1000, line.write, text)
        else:
            line.write(text)
