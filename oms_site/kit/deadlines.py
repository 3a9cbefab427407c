"""One deadline for the whole of what is asked of somebody outside, however they trickle an answer.

A client's own timeouts are for each connect and each read. Called from any thread, by whoever has
others waiting behind them; the asking runs on one loop of the process and is abandoned when late.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_start = threading.Lock()
_running: tuple[threading.Thread, asyncio.AbstractEventLoop] | None = None


def within(seconds: float, asking: Coroutine[Any, Any, T]) -> T:
    """What `asking` answers. Raises `TimeoutError` once `seconds` are over, and what it raises."""
    answer = asyncio.run_coroutine_threadsafe(asking, _loop())
    try:
        return answer.result(seconds)
    except TimeoutError:
        answer.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    global _running
    with _start:
        # A process that was forked has the loop, and nobody who runs it.
        if _running is None or not _running[0].is_alive():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="deadlines", daemon=True)
            thread.start()
            _running = thread, loop
        return _running[1]
