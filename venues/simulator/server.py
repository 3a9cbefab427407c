"""The venue on the network: accepts peers on loopback and keeps time for its sessions."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from venues import messages
from venues.messages import Logon
from venues.simulator.market import Listing, Market
from venues.simulator.session import Session

log = logging.getLogger(__name__)

TICK_SECONDS = 0.05
HEARTBEAT_TICKS = 20
QUOTE_TICKS = 100
BOOK_TICKS = 4  # five times a second
SESSIONS = ("SIMA", "SIMB")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.ASCII)
_LONGEST_FRAME = 1 << 20
WRITE_BUFFER = 1 << 22  # a peer further behind than this is served from the journal


class Venue:
    """All sessions of the simulated venue in this process."""

    def __init__(
        self, *, directory: Path, listings: Iterable[Listing], drift_seconds: int = 0
    ) -> None:
        self._directory = directory
        self._listings = tuple(listings)
        self._drift_ticks = round(drift_seconds / TICK_SECONDS)
        self._sessions: dict[str, Session] = {}
        self._ticks = 0
        for name in SESSIONS:
            self.session(name)

    def session(self, name: str) -> Session:
        """The session of that name, opened from its journal. Raises ValueError for a bad name."""
        if not _NAME.fullmatch(name):
            raise ValueError("a session is named by letters, digits, - and _")
        if name not in self._sessions:
            market = Market(self._listings, seed=name)
            self._sessions[name] = Session(name, directory=self._directory, market=market)
        return self._sessions[name]

    async def listen(self, sock: socket.socket) -> asyncio.Server:
        """Accept peers on a bound socket."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Peer(self), sock=sock)

    async def run(self) -> None:
        """Keep time until canceled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.tick()

    def tick(self) -> None:
        """One beat of the venue's pulse."""
        self._ticks += 1
        for session in self._sessions.values():
            if self._drift_ticks and self._ticks % self._drift_ticks == 0 and session.clock.known:
                session.market.drift(self._ticks // self._drift_ticks)
                session.exchange.quotes_moved(session.clock.now())
            session.tick()
            if self._ticks % BOOK_TICKS == 0:
                session.send_books()
            if self._ticks % HEARTBEAT_TICKS == 0:
                session.send_heartbeat()
            if self._ticks % QUOTE_TICKS == 0:
                session.send_quotes()

    def close(self) -> None:
        """Close every session; their journals are complete already."""
        for session in self._sessions.values():
            session.close()


class _Peer(asyncio.Protocol):
    """One connection: cuts the stream into frames; the first one has to be a logon."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._session: Session | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._line = transport
        transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def data_received(self, data: bytes) -> None:
        *frames, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_FRAME:
            self._line.abort()
            return
        frames = [frame for frame in frames if frame]
        if self._session is None and frames:
            self._log_on(frames.pop(0))
        if self._session is not None and frames:
            self._session.receive(self._line, frames)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._session is not None:
            self._session.detach(self._line)

    def pause_writing(self) -> None:
        if self._session is not None:
            self._session.pause(self._line)

    def resume_writing(self) -> None:
        if self._session is not None:
            self._session.resume(self._line)

    def _log_on(self, frame: bytes) -> None:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            logon = messages.decode_outgoing(frame)
            if isinstance(logon, Logon):
                self._session = self._venue.session(logon.session)
                self._session.attach(self._line, logon)
                return
        log.warning("no logon but %.200r", frame)
        self._line.abort()
