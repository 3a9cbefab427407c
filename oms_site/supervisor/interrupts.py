"""Signals as facts the supervision loop can ask about: a wish to stop, a child that ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Catches signals while entered; `wait` sleeps until one arrives or the time is over."""

    def __init__(self) -> None:
        self.stops_wished = 0
        self._reading, self._writing = -1, -1
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        for end in (self._reading, self._writing):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for order in (*STOP, signal.SIGCHLD):
            if order == signal.SIGHUP and signal.getsignal(order) == signal.SIG_IGN:
                continue  # nohup: meant to outlive its terminal
            self._before[order] = signal.signal(order, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(-1)
        for order, handler in self._before.items():
            signal.signal(order, handler)  # type: ignore[arg-type]  # what signal() gave us
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, seconds: float) -> None:
        """Sleep, or wake early because something happened."""
        select.select([self._reading], [], [], max(seconds, 0))
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reading, 512):
                pass

    def _note(self, order: int, frame: FrameType | None) -> None:
        if order in STOP:
            self.stops_wished += 1
