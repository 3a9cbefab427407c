"""Gathers the order requests that wait at the same moment in this process, and takes them in.

What a web process does when no process of the desk answers it. No timer: whatever arrived while the
last batch was being committed is the next one. One thread writes, with a database connection of its
own.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from dataclasses import dataclass

from orders.api import taking
from orders.api.taking import MOST_AT_ONCE, MOST_WAITING, Answered, Asked

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    asked: Asked
    answer: asyncio.Future[Answered]
    loop: asyncio.AbstractEventLoop


_inbox: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
_start = threading.Lock()
_writer: threading.Thread | None = None


async def submit(asked: Asked) -> Answered:
    """Submit one request with whatever else is waiting. Raises `OmsError` (503) when overloaded."""
    _ensure_writer()
    if _inbox.qsize() >= MOST_WAITING:
        raise taking.overloaded()
    loop = asyncio.get_running_loop()
    waiting = _Waiting(asked, loop.create_future(), loop)
    _inbox.put(waiting)
    return await waiting.answer


def _ensure_writer() -> None:
    global _writer
    if _writer is not None and _writer.is_alive():
        return
    with _start:
        if _writer is None or not _writer.is_alive():
            _writer = threading.Thread(target=_keep_writing, name="order-writer", daemon=True)
            _writer.start()


def _keep_writing() -> None:
    while True:
        batch = [_inbox.get()]
        while len(batch) < MOST_AT_ONCE:
            try:
                batch.append(_inbox.get_nowait())
            except queue.Empty:
                break
        _answer(batch, taking.take([waiting.asked for waiting in batch]))


def _answer(batch: list[_Waiting], answers: list[Answered]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Answered], Answered]]] = {}
    for waiting, answer in zip(batch, answers, strict=True):
        loops.setdefault(waiting.loop, []).append((waiting.answer, answer))
    for loop, told in loops.items():
        try:
            loop.call_soon_threadsafe(_set, told)
        except RuntimeError:
            log.info("%d answers came after their connections had closed", len(told))


def _set(told: list[tuple[asyncio.Future[Answered], Answered]]) -> None:
    for future, answer in told:
        if not future.done():
            future.set_result(answer)
