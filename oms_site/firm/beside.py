"""Processes beside this one that run parts of its work, with Django set up.

For work that is bound by the interpreter, which runs one thread at a time. A process ends with the
one that asked for it, however that ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, TypeVar

import django
from django.db import close_old_connections

T = TypeVar("T")


class Beside:
    """So many processes, each of which does what it is given in order, after `begin`."""

    def __init__(self, count: int, *, begin: Callable[[], None]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pools = [
            ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin) for _ in range(count)
        ]
        self._closing = threading.Lock()
        self._pids = [pool.submit(_run, _stand_ready, (begin,)) for pool in self._pools]

    def is_ready(self) -> bool:
        """Whether all have begun. Raises what stopped one of them from it."""
        return all(one.done() and one.result() for one in self._pids)

    def submit(self, number: int, work: Callable[..., T], *args: Any) -> Future[T]:
        """Have one of the processes do something after what it was given before.

        Raises `BrokenProcessPool` when it is gone, or is being ended by somebody else.
        """
        try:
            return self._pools[number].submit(_run, work, args)
        except RuntimeError as ended:
            raise BrokenProcessPool(str(ended)) from ended

    def pids(self) -> list[int]:
        """The processes' numbers, in order."""
        return [one.result() for one in self._pids if one.done() and not one.cancelled()]

    def kill(self) -> None:
        """End the processes in the middle of whatever they do: one that hangs hears no word."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the processes; what has begun is waited for, what has not is forgotten."""
        with self._closing:
            for pool in self._pools:
                pool.shutdown(cancel_futures=True)


# This module is loaded in the new process before Django is set up: no models up here.
def _begin() -> None:
    # Whoever asked for this process ends it, not the terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    django.setup()
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _stand_ready(begin: Callable[[], None]) -> int:
    begin()
    return os.getpid()


def _run(work: Callable[..., T], args: tuple[Any, ...]) -> T:
    try:
        return work(*args)
    finally:
        close_old_connections()
