"""Processes beside this one that run parts of its work, with Django set up.

For work that is bound by the interpreter, which runs one thread at a time. A process ends with the
one that asked for it, however that ended. What is asked goes straight over a pipe: a pool of the
standard library hands it through three threads, which costs milliseconds when this process is busy.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from traceback import format_exception
from typing import Any, TypeVar

import django
from django.db import close_old_connections

T = TypeVar("T")
_SPAWN = multiprocessing.get_context("spawn")
_ENOUGH = ForkingPickler.dumps(None)  # what a process is told that is to end


class ProcessGone(RuntimeError):
    """The process has ended, or is about to: what it was asked has not been done to its end."""


class Beside:
    """So many processes, each of which does what it is given in order, after `begin`."""

    def __init__(self, count: int, *, begin: Callable[[], None]) -> None:
        self._helpers = [_Helper(begin) for _ in range(count)]

    def is_ready(self) -> bool:
        """Whether all have begun. Raises what stopped one of them from it."""
        return all(one.begun.done() and one.begun.result() is None for one in self._helpers)

    def submit(self, number: int, work: Callable[..., T], *args: Any) -> Future[T]:
        """Have one of the processes do something after what it was given before.

        Raises `ProcessGone` when it has ended, or is being ended by somebody else.
        """
        return self._helpers[number].submit(work, args)

    def pids(self) -> list[int]:
        """The processes' numbers, in order."""
        return [one.process.pid or 0 for one in self._helpers]

    def kill(self) -> None:
        """End the processes in the middle of whatever they do: one that hangs hears no word."""
        for one in self._helpers:
            one.process.kill()

    def close(self) -> None:
        """End the processes; what has begun is waited for, what has not is forgotten."""
        for one in self._helpers:
            one.end()
        for one in self._helpers:
            one.join()


class _Helper:
    """One process, and the thread here that hears its answers."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._line, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_live, args=(theirs,), daemon=True)
        self.process.start()
        # Theirs alone from now on: it closes when they end.
        theirs.close()
        self._doing: Future[Any] | None = None
        self._waiting = deque[tuple[Future[Any], memoryview]]()
        self._is_ending = False
        self._lock = threading.Lock()
        self._ear = threading.Thread(target=self._hear, name="beside", daemon=True)
        self._ear.start()
        self.begun = self.submit(begin, ())

    def submit(self, work: Callable[..., T], args: tuple[Any, ...]) -> Future[T]:
        said, asked = ForkingPickler.dumps((work, args)), Future[T]()
        with self._lock:
            if self._is_ending:
                raise ProcessGone("the process has ended")
            self._waiting.append((asked, said))
            self._go_on()
        return asked

    def end(self) -> None:
        with self._lock:
            self._is_ending = True
            left = [asked for asked, _ in self._waiting]
            self._waiting.clear()
            self._go_on()
        for asked in left:
            asked.cancel()

    def join(self) -> None:
        self._ear.join()
        self.process.join()

    def _go_on(self) -> None:
        """Tell the process what is next, under the lock; it does nothing, so it is listening."""
        if self._doing is not None:
            return
        # One that is gone is noticed by who hears.
        with suppress(OSError):
            if self._waiting:
                self._doing, said = self._waiting.popleft()
                self._line.send_bytes(said)
            elif self._is_ending:
                self._line.send_bytes(_ENOUGH)

    def _hear(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                is_well, told = self._line.recv()
                with self._lock:
                    asked, self._doing = self._doing, None
                    self._go_on()
                assert asked is not None
                (asked.set_result if is_well else asked.set_exception)(told)
        self._lose()

    def _lose(self) -> None:
        with self._lock:
            self._is_ending = True
            left = [self._doing, *(asked for asked, _ in self._waiting)]
            self._doing = None
            self._waiting.clear()
        for asked in left:
            if asked is not None and not asked.cancelled():
                asked.set_exception(ProcessGone("the process has ended"))


# --- in the new process ----------------------------------------------------------------------
# This module is loaded there before Django is set up: no models up here.
def _live(line: Connection) -> None:
    # Whoever asked for this process ends it, not the terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    django.setup()
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    with suppress(EOFError):
        while (asked := line.recv()) is not None:
            line.send(_done(*asked))


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _done(work: Callable[..., T], args: tuple[Any, ...]) -> tuple[bool, T | Exception]:
    """Whether it went well, and what came of it or what was raised."""
    try:
        return True, work(*args)
    except Exception as error:  # noqa: BLE001  it is whoever asked who raises it
        return False, _sendable(error)
    finally:
        close_old_connections()


def _sendable(error: Exception) -> Exception:
    """The error with where it was raised, which is known here alone."""
    error.add_note("".join(format_exception(error)))
    try:
        ForkingPickler.dumps(copy(error))
    except Exception:  # noqa: BLE001  whatever it is, it cannot be sent
        return RuntimeError(repr(error))
    return error
