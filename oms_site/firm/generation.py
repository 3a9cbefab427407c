"""Reference data in memory, exact to the last change.

Every reference table raises one number in the database whenever a statement touches it (triggers,
so no path is missed). `check` reads that number once per batch; a `Cached` value is loaded again
when it has changed. Nothing expires by time, and nothing is asked per order.

The number has two parts: what changes often and must be known at once, such as kill switches, moves
only the upper one, and only what is `quick` is loaded again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connection

from oms_site.firm import libpq

T = TypeVar("T")
ENTRANCE = 0x0E35_0003
REFERENCE_BITS = 40
_REFERENCE = (1 << REFERENCE_BITS) - 1
_ENTER = f"SELECT pg_advisory_xact_lock_shared({ENTRANCE})"
_NUMBER = "SELECT number FROM firm_generation WHERE id = 1"
_current = 0
_epoch = 0


def check(*also: libpq.Asked) -> list[list[libpq.Row]]:
    """Read the generation: one query, once per batch or request.

    Returns the rows of `also`, statements asked together with it.
    """
    global _current
    rows, *found = libpq.asked_together((_NUMBER, ()), *also)
    _current = int(rows[0][0]) if rows else 0
    return found


def enter(*also: libpq.Asked) -> list[list[libpq.Row]]:
    """As `check`, for work that makes orders move: whoever shuts the entrance waits for its end.

    The number is read after the lock is held, so what was changed under a shut entrance is seen by
    everyone who comes in afterwards. Returns the rows of `also`, statements asked after it.
    """
    global _current
    # Each has a snapshot of its own: only those of the later ones are younger than the lock.
    _, rows, *found = libpq.asked_together((_ENTER, ()), (_NUMBER, ()), *also)
    _current = int(rows[0][0]) if rows else 0
    return found


def move() -> None:
    """What is cached is loaded again once this transaction has committed.

    For what is read as reference data and kept in rows that are none; those do it by themselves.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO firm_generation (id, number) VALUES (1, nextval('oms_generation'))"
            " ON CONFLICT (id) DO UPDATE SET number = excluded.number"
        )


def shut_entrance() -> None:
    """Until this transaction ends nobody enters; whoever is inside is waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ENTRANCE])


def forget() -> None:
    """Make every cached value load again: for tests, whose databases come and go."""
    global _current, _epoch
    _current = 0
    _epoch += 1


class Cached(Generic[T]):
    """A value loaded from reference tables, reloaded when the generation has changed."""

    def __init__(self, loader: Callable[[], T], *, quick: bool = False) -> None:
        self._load = loader
        self._part = -1 if quick else _REFERENCE
        self._lock = threading.Lock()
        self._held: tuple[tuple[int, int], T] | None = None

    def get(self) -> T:
        """The value as of the last `check`; loads it on first use."""
        held = self._held
        if held is not None and held[0] == (_epoch, _current & self._part):
            return held[1]
        with self._lock:
            held = self._held
            if held is not None and held[0] == (_epoch, _current & self._part):
                return held[1]
            # Read the number before the rows: a change in between makes us load once more.
            if not _current:
                check()
            number = _current
            value = self._load()
            self._held = ((_epoch, number & self._part), value)
            return value
