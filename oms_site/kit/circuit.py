"""A circuit breaker: whoever does not answer is left alone for a while, then tried by one caller.

For calls to the outside that others wait behind. Nobody waits for somebody who is known to be away:
`CircuitOpen` comes at once. Plain Python, for many threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from oms_site.kit import clock

T = TypeVar("T")


class State(StrEnum):
    """Calls go through, are refused, or one of them is finding out."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class CircuitOpen(Exception):
    """Not asked: it has failed too often, and it is not yet time to try again."""


class Circuit:
    """Opens after `failures` in a row; `pause_s` later one call probes, and its answer closes."""

    def __init__(
        self,
        *,
        failures: int,
        pause_s: float,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._most, self._pause = failures, pause_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._tried_at = 0.0
        self._turn = 0
        self.failures = 0
        self.opened = 0

    @property
    def state(self) -> State:
        """How it stands now."""
        return self._state

    def call(self, ask: Callable[[], T]) -> T:
        """What `ask` answers; whatever it raises counts as a failure. Raises `CircuitOpen`."""
        turn = self._enter()
        try:
            answer = ask()
        except BaseException:
            self._failed(turn)
            raise
        self._answered(turn)
        return answer

    def _enter(self) -> int:
        with self._lock:
            if self._state == State.CLOSED:
                return self._turn
            # A probe that never came back is one that failed.
            if self._monotonic() - self._tried_at < self._pause:
                raise CircuitOpen
            self._go(State.PROBING)
            return self._turn

    def _failed(self, turn: int) -> None:
        with self._lock:
            if turn != self._turn:
                return
            self.failures += 1
            if self._state == State.PROBING or self.failures >= self._most:
                self.opened += self._state == State.CLOSED
                self._go(State.OPEN)

    def _answered(self, turn: int) -> None:
        with self._lock:
            if turn == self._turn:
                self._state, self.failures = State.CLOSED, 0

    def _go(self, state: State) -> None:
        # What was asked for before this moment, well or badly answered, says nothing about now.
        self._state, self._tried_at = state, self._monotonic()
        self._turn += 1
