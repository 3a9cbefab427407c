"""Accepts FIX peers on loopback: the first message has to be a logon that names a session."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from pathlib import Path

from venues.fix.codec import Garbled, Message, moment, split
from venues.messages import Logon
from venues.simulator.fix.ledger import Ledger
from venues.simulator.fix.line import FixLine
from venues.simulator.server import WRITE_BUFFER, Venue
from venues.simulator.session import Session

log = logging.getLogger(__name__)
DIALECTS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")


class Entrance:
    """The FIX sessions of a venue; TargetCompID(56) is the venue's session."""

    def __init__(self, venue: Venue, directory: Path) -> None:
        self._venue = venue
        self._directory = directory
        self._ledgers: dict[str, Ledger] = {}

    async def listen(
        self, sock: socket.socket, *, seal: ssl.SSLContext | None = None
    ) -> asyncio.Server:
        """Accept peers on a bound socket; several sockets lead to the same sessions.

        With `seal` they come by TLS, and by their own certificates if it asks for them.
        """
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Peer(self), sock=sock, ssl=seal)

    def log_on(self, peer: asyncio.Transport, logon: Message) -> tuple[FixLine, Session] | None:
        """The line of a peer that may come in. What it gets is what its numbers say is due."""
        try:
            session = self._venue.session(logon.get(56))
            at = moment(logon.get(52))
        except ValueError:
            return None
        if logon.type != "A" or logon.get(8) not in DIALECTS or not logon.seq:
            return None
        ledger = self.ledger(session.name)
        if logon.get(141) == "Y":
            ledger.begin_anew()
        line = FixLine(peer, logon, session, ledger)
        if logon.seq < ledger.next_in:
            line.refuse_number(logon.seq)
            return None
        due = ledger.next_in
        if logon.seq == due:
            ledger.expect(due + 1)
        body = [(98, "0"), (108, logon.get(108) or "30")]
        body += [(141, "Y")] if logon.get(141) == "Y" else []
        body += [(1137, "9")] if logon.get(8) == "FIXT.1.1" else []
        line.say("A", body)
        if logon.seq > due:
            line.ask_from(due)
        following = Logon(session=session.name, next_seq=ledger.last_report + 1, now=at)
        session.attach(line, following)
        return line, session

    def ledger(self, session: str) -> Ledger:
        """The numbers of a session."""
        if session not in self._ledgers:
            self._ledgers[session] = Ledger(self._directory, session)
        return self._ledgers[session]

    def close(self) -> None:
        """Close every ledger."""
        for one in self._ledgers.values():
            one.close()


class _Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._found: tuple[FixLine, Session] | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._line = transport
        transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def data_received(self, data: bytes) -> None:
        items, self._rest = split(self._rest + data)
        if len(self._rest) > 1 << 20:
            self._line.abort()
            return
        heard = [one for one in items if not isinstance(one, Garbled)]
        if self._found is None and heard:
            self._found = self._entrance.log_on(self._line, heard.pop(0))
            if self._found is None:
                log.warning("no FIX logon")
                self._line.close()
                return
        if self._found is not None and heard:
            self._found[0].hear(heard)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._found is not None:
            line, session = self._found
            session.detach(line)

    def pause_writing(self) -> None:
        if self._found is not None:
            line, session = self._found
            session.pause(line)

    def resume_writing(self) -> None:
        if self._found is not None:
            line, session = self._found
            session.resume(line)
