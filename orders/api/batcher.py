"""Gathers the order requests that wait at the same moment and submits them in one transaction.

No timer: whatever arrived while the last batch was being committed is the next one, so an idle
system answers at once and a busy one gets cheaper per order. One thread per process writes, with a
database connection of its own.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection

from oms_site.api import envelope
from oms_site.kit.errors import OmsError
from orders import desk
from orders.desk import Result
from orders.requests import SubmitRequest

log = logging.getLogger(__name__)
MOST_AT_ONCE = 256
MOST_WAITING = 20_000


@dataclass(slots=True)
class _Waiting:
    request: SubmitRequest
    answer: asyncio.Future[Result]
    loop: asyncio.AbstractEventLoop


_inbox: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
_arrived: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
_start = threading.Lock()
_writer: threading.Thread | None = None


async def submit(request: SubmitRequest) -> Result:
    """Submit one request with whatever else is waiting. Raises `OmsError` (503) when overloaded."""
    _ensure_writer()
    if _inbox.qsize() >= MOST_WAITING:
        raise OmsError("overloaded", "Too many orders are waiting; try again.", status=503)
    loop = asyncio.get_running_loop()
    waiting = _Waiting(request, loop.create_future(), loop)
    arrived = _arrived.get(loop)
    if arrived is None:
        arrived = _arrived[loop] = []
        loop.call_soon(_hand_over, loop)
    arrived.append(waiting)
    return await waiting.answer


def _hand_over(loop: asyncio.AbstractEventLoop) -> None:
    # What one turn of the loop has read goes together: the writer wakes at the first of them.
    for waiting in _arrived.pop(loop):
        _inbox.put(waiting)


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
        _answer(batch, _submit([waiting.request for waiting in batch]))


def _submit(requests: list[SubmitRequest]) -> list[Result]:
    """Every request gets an answer whatever happens; a fault of the database is a 503."""
    try:
        return desk.submit(requests)
    except (OperationalError, InterfaceError):
        # It may be committed all the same. Only who repeats it with its ids repeats it safely.
        log.exception("a batch of %d orders is not known to be committed", len(requests))
        connection.close()
        return [Result(error=envelope.unavailable()) for _ in requests]
    except Exception:
        log.exception("a batch of %d orders was not committed", len(requests))
        connection.close()
        if len(requests) > 1:
            return [_submit([request])[0] for request in requests]
        return [Result(error=envelope.unavailable())]


def _answer(batch: list[_Waiting], results: list[Result]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Result], Result]]] = {}
    for waiting, result in zip(batch, results, strict=True):
        loops.setdefault(waiting.loop, []).append((waiting.answer, result))
    for loop, answers in loops.items():
        try:
            loop.call_soon_threadsafe(_set, answers)
        except RuntimeError:
            log.info("%d answers came after their connections had closed", len(answers))


def _set(answers: list[tuple[asyncio.Future[Result], Result]]) -> None:
    for future, result in answers:
        if not future.done():
            future.set_result(result)
