"""The only reader of the system clock.

Everything that asks what time it is asks here, so that a sandbox can be shifted as a whole
(`manage.py sandbox_clock`) and a test can hold time still. Production never shifts it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_offset = timedelta(0)
_frozen: datetime | None = None


def now() -> datetime:
    """The current moment, aware, in UTC, with the sandbox shift applied."""
    if _frozen is not None:
        return _frozen
    return datetime.now(UTC) + _offset


def machine_now() -> datetime:
    """The machine's own time, unshifted: for leases, logs and measuring staleness of processes."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds on a clock that never goes back: for durations only."""
    return time.monotonic()


def offset() -> timedelta:
    """How far the sandbox clock is ahead of the machine."""
    return _offset


def shift_to(value: timedelta) -> None:
    """Put this process's clock `value` ahead of the machine."""
    global _offset
    _offset = value


@contextmanager
def frozen_at(moment: datetime) -> Iterator[None]:
    """Hold time still at an aware moment, for tests of time rules."""
    global _frozen
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    before, _frozen = _frozen, moment.astimezone(UTC)
    try:
        yield
    finally:
        _frozen = before
