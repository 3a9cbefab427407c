"""The id of the request that is being answered: whatever it does, its events carry it.

Set by an entrance for as long as the request lasts. Outside of one there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("correlation", default="")


def current() -> str:
    """The id of this request, empty where nothing was asked from outside."""
    return _current.get()


@contextmanager
def within(correlation_id: str) -> Iterator[None]:
    """What is done in here belongs to the request of this id."""
    token = _current.set(correlation_id)
    try:
        yield
    finally:
        _current.reset(token)
