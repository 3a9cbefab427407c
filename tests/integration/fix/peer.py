"""A venue made by hand: one FIX acceptor that says what a test tells it to say.

Its messages are written and read by another library than the product's, on purpose.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import simplefix

US, THEM = "OEMS", "FIXSIM"
BODY = [(55, "[N/A]"), (48, "912810TL2"), (22, "1"), (54, "1")]


class Peer:
    """One connection at a time; what it hears is in `heard`, oldest first."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.next_out = 1
        self.first = 0
        self.hangs_up = False  # at the first test, behind an answered Logon
        self._parser = simplefix.FixParser()
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read until the other side goes."""
        self._writer, self._parser = writer, simplefix.FixParser()
        try:
            while chunk := await reader.read(1 << 16):
                self._parser.append_buffer(chunk)
                while (message := self._parser.get_message()) is not None:
                    await self._took(message)
        except OSError:
            pass
        finally:
            writer.close()

    async def _took(self, message: Any) -> None:
        kind = text(message, 35)
        if kind == "1" and self.hangs_up:
            self.cut()
        elif kind == "1":
            self.say("0", [(112, text(message, 112))])
        elif kind == "A":
            self.first = int(text(message, 34))
            self.next_out = 1 if text(message, 141) == "Y" else self.next_out
            self.say("A", [(98, 0), (108, text(message, 108))])
        await self.heard.put(message)

    def say(self, kind: str, body: list[tuple[int, Any]], **header: Any) -> int:
        """Send a message under the next number, or under `seq`; `dup` says that it goes again."""
        seq = header.get("seq") or self.next_out
        self.next_out = max(self.next_out, seq + 1)
        self.write(self.made(kind, seq, body, dup=bool(header.get("dup"))))
        return int(seq)

    def made(self, kind: str, seq: int, body: list[tuple[int, Any]], *, dup: bool = False) -> bytes:
        """The bytes of a message."""
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4")
        message.append_pair(35, kind)
        message.append_pair(49, THEM)
        message.append_pair(56, US)
        message.append_pair(34, seq)
        if dup:
            message.append_pair(43, "Y")
        message.append_pair(52, "20261123-15:00:00.000")
        for tag, value in body:
            message.append_pair(tag, value)
        return bytes(message.encode())

    def write(self, raw: bytes) -> None:
        """Bytes as they are."""
        assert self._writer is not None
        self._writer.write(raw)

    def stop_reading(self) -> None:
        """Take nothing more."""
        assert self._writer is not None
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()

    def cut(self) -> None:
        """Hang up without a word."""
        assert self._writer is not None
        self._writer.transport.abort()

    async def until(self, kind: str) -> Any:
        """The next message of a type; what comes before it is skipped."""
        async with asyncio.timeout(10):
            while True:
                message = await self.heard.get()
                if text(message, 35) == kind:
                    return message


def report(exec_id: str, cl_ord_id: str = "vo-1", **changes: Any) -> list[tuple[int, Any]]:
    """The body of an ExecutionReport(8): a trade of 100, unless changed."""
    fields: dict[int, Any] = {
        37: "O1",
        11: cl_ord_id,
        17: exec_id,
        150: "F",
        39: "1",
        **dict(BODY),
        38: 1000,
        32: 100,
        31: "99.5",
        151: 900,
        14: 100,
        6: "99.5",
        60: "20261123-15:00:00.000",
        75: "20261123",
    }
    fields.update({int(tag.removeprefix("t")): value for tag, value in changes.items()})
    return list(fields.items())


def text(message: Any, tag: int) -> str:
    """A field, or nothing."""
    value = message.get(tag)
    return "" if value is None else value.decode()


@asynccontextmanager
async def listening(seal: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Peer, int]]:
    """A peer and its port; with `seal` under TLS."""
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=seal)
    try:
        yield peer, server.sockets[0].getsockname()[1]
    finally:
        server.close()
