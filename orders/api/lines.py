"""From the event loop of a web process to the processes of the desk, each order to the least busy.

A line that is not there is tried again and again; while there is none at all, this process takes
the orders in itself. What was under way on a line that breaks off is answered 503: nobody knows
whether it was committed, and who repeats it with its ids repeats it safely.
"""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from django.conf import settings

from orders.api import batcher, frames, taking
from orders.api.taking import MOST_WAITING, Answered, Asked

log = logging.getLogger(__name__)
AGAIN_SECONDS = 0.25


class Line(asyncio.Protocol):
    """A connection to one process of the desk, and what it has not answered yet."""

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self.waiting: dict[int, asyncio.Future[Answered]] = {}
        self._splitter = frames.Splitter()
        self._unsent: list[bytes] = []
        self._asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for frame in self._splitter.feed(data):
            for number, answer in frames.answers(frame):
                _answer(self.waiting.pop(number), answer)

    def connection_lost(self, error: Exception | None) -> None:
        waiting, self.waiting = self.waiting, {}
        for future in waiting.values():
            _answer(future, taking.unknown())
        if waiting:
            log.error("the desk left with %d orders under way", len(waiting))
        self.closed.set_result(None)

    async def ask(self, asked: Asked) -> Answered:
        """Send a request and wait for its answer. Raises `OmsError` (503) when overloaded."""
        if len(self.waiting) >= MOST_WAITING:
            raise taking.overloaded()
        self._asked += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answered] = loop.create_future()
        self.waiting[self._asked] = future
        if not self._unsent:
            # What one turn of the loop has read goes together.
            loop.call_soon(self._send)
        self._unsent.append(frames.of_request(self._asked, asked))
        return await future

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def _send(self) -> None:
        self._transport.writelines(self._unsent)
        self._unsent.clear()


class Lines:
    """The lines of one event loop."""

    def __init__(self) -> None:
        self._open: list[Line] = []
        self._keepers = [asyncio.create_task(self._keep(path)) for path in settings.DESK_LINES]

    async def submit(self, asked: Asked) -> Answered:
        """Have the least busy process take it in, or this one where there is none."""
        there = (line for line in self._open if not line.closed.done())
        line = min(there, key=_busy, default=None)
        return await (batcher.submit(asked) if line is None else line.ask(asked))

    def close(self) -> None:
        """Leave the desk: what is under way there is answered 503 here."""
        for keeper in self._keepers:
            keeper.cancel()
        for line in self._open:
            line.close()

    async def _keep(self, path: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, line = await loop.create_unix_connection(Line, path)
            except OSError:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            self._open.append(line)
            await line.closed
            self._open.remove(line)


_lines: dict[asyncio.AbstractEventLoop, Lines] = {}


def of_this_loop() -> Lines:
    """The lines of the running event loop, opened at the first call."""
    loop = asyncio.get_running_loop()
    found = _lines.get(loop)
    if found is None:
        for ended in [one for one in _lines if one.is_closed()]:
            del _lines[ended]
        found = _lines[loop] = Lines()
    return found


def _busy(line: Line) -> int:
    return len(line.waiting)


def _answer(future: asyncio.Future[Answered], answer: Answered) -> None:
    # A client that left has canceled its own.
    if not future.done():
        future.set_result(answer)
