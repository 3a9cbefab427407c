"""Rows that break what works them: a function that fails for one row, and what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from oms_site.journal import draining
from oms_site.kit import clock
from orders.models import Break


def breaks(
    monkeypatch: pytest.MonkeyPatch, room: Any, name: str, key: Any, error: Exception | None = None
) -> None:
    """Have a function of a room fail for the row of this key, whichever argument names it."""
    whole = getattr(room, name)

    def fail(*args: Any, **kwargs: Any) -> Any:
        if any(_is(one, key) for one in (*args, *kwargs.values())):
            raise error or ValueError("odd")
        return whole(*args, **kwargs)

    monkeypatch.setattr(room, name, fail)


def _is(given: Any, key: Any) -> bool:
    row = getattr(given, "order", None) or getattr(given, "rfq", None) or given
    return key in (getattr(row, "id", None), getattr(row, "pk", None)) or row == key


def aside(drain: str) -> Break:
    """The one break that says that a row of this drain was put aside."""
    return Break.objects.get(kind="put_aside", key__startswith=f"{drain}/")


def fails_once(
    monkeypatch: pytest.MonkeyPatch, room: Any, name: str, error: Exception
) -> list[int]:
    """Have a function of a room fail the first time; one entry for each time it was called."""
    whole, called = getattr(room, name), list[int]()

    def fail(*args: Any, **kwargs: Any) -> Any:
        called.append(1)
        if len(called) == 1:
            raise error
        return whole(*args, **kwargs)

    monkeypatch.setattr(room, name, fail)
    return called


def wait(monkeypatch: pytest.MonkeyPatch, time: timedelta = draining.AGAIN) -> None:
    """As long as what was put aside is left alone."""
    before, more = clock.monotonic, time.total_seconds() + 1
    monkeypatch.setattr(clock, "monotonic", lambda: before() + more)
