"""The desk as a process of its own: reads requests from the web processes, answers each.

No timer: whatever has arrived while the last batch was being committed is the next one, so an idle
desk answers at once and a busy one gets cheaper per order. It does nothing else meanwhile, and the
event loops of the web do not share an interpreter with it.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
from collections import deque
from contextlib import suppress
from typing import cast

import msgspec

from orders.api import frames, taking
from orders.api.taking import MOST_AT_ONCE, Answered, Asked

log = logging.getLogger(__name__)
_READ_BYTES = 1 << 18
_SEND_BUFFER_BYTES = 1 << 22
# A web process that reads no answers for so long has stopped; its clients are gone.
_PATIENCE_SECONDS = 5.0


class _Web:
    """One web process at the other end."""

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(_PATIENCE_SECONDS)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self.line = line
        self.splitter = frames.Splitter()


class DeskProcess:
    """Serves one socket until it is told to stop; what has arrived by then is answered."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._selector = selectors.DefaultSelector()
        self._waiting: deque[tuple[_Web, int, Asked]] = deque()
        self._stopping = False
        with suppress(FileNotFoundError):
            os.unlink(path)
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(path)
        self._door.listen(64)
        self._selector.register(self._door, selectors.EVENT_READ)
        self._end, self._wake = socket.socketpair()
        self._selector.register(self._end, selectors.EVENT_READ)

    def run(self) -> None:
        """Take orders in, batch after batch, until `stop`."""
        while not self._stopping:
            self._gather(None if not self._waiting else 0.0)
            self._take_next()
        # Nobody new comes in; who has spoken by now is answered.
        os.unlink(self._path)
        self._gather(0.0)
        while self._waiting:
            self._take_next()
        for key in list(self._selector.get_map().values()):
            cast(socket.socket, key.fileobj).close()
        self._selector.close()
        self._wake.close()

    def stop(self, *_: object) -> None:
        """End `run` after the batch under way; from any thread, or as a handler of signals."""
        if not self._stopping:
            self._stopping = True
            self._wake.send(b"x")

    def _gather(self, timeout: float | None) -> None:
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._door:
                web = _Web(self._door.accept()[0])
                self._selector.register(web.line, selectors.EVENT_READ, web)
            elif key.data is not None:
                self._read(key.data)

    def _read(self, web: _Web) -> None:
        try:
            data = web.line.recv(_READ_BYTES)
            for frame in web.splitter.feed(data):
                self._waiting.append((web, *frames.request(frame)))
        except (OSError, msgspec.DecodeError):
            log.exception("a web process could not be read")
            data = b""
        if not data:
            self._leave(web)

    def _take_next(self) -> None:
        count = min(len(self._waiting), MOST_AT_ONCE)
        batch = [self._waiting.popleft() for _ in range(count)]
        if not batch:
            return
        told: dict[_Web, list[tuple[int, Answered]]] = {}
        found = taking.take([asked for _, _, asked in batch])
        for (web, number, _), answer in zip(batch, found, strict=True):
            told.setdefault(web, []).append((number, answer))
        for web, answers in told.items():
            self._tell(web, answers)

    def _tell(self, web: _Web, answers: list[tuple[int, Answered]]) -> None:
        if web.line.fileno() < 0:
            log.warning("%d answers came after their web process had gone", len(answers))
            return
        try:
            web.line.sendall(frames.of_answers(answers))
        except OSError:
            log.exception("a web process could not be answered")
            self._leave(web)

    def _leave(self, web: _Web) -> None:
        self._selector.unregister(web.line)
        web.line.close()
