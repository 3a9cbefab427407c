"""What a caller has seen of a row: whoever locks it finds out whether it has changed since.

Set by an entrance from `If-Match` (RFC 9110, 13.1.1), asked under the lock by whoever changes rows:
between the look and the lock nothing can slip in. One row for each request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from oms_site.kit.errors import OmsError

MOVED = "version_moved"
T = TypeVar("T")
_seen: ContextVar[tuple[str, frozenset[str]] | None] = ContextVar("seen", default=None)


@contextmanager
def nothing() -> Iterator[None]:
    """Within it something may be expected; after it nothing is."""
    token = _seen.set(None)
    try:
        yield
    finally:
        _seen.reset(token)


def expect(key: str, tags: frozenset[str]) -> None:
    """From now on the row of this key has to be as one of these tags says."""
    _seen.set((key, tags))


def check(key: str, tag: object) -> None:
    """Raises `OmsError` 412 `version_moved` when this row is expected otherwise."""
    wanted = _seen.get()
    if wanted is not None and wanted[0] == key and str(tag) not in wanted[1]:
        text = "It has changed since you saw it: get it again and decide on that."
        raise OmsError(MOVED, text, status=412, field="If-Match")


def unless_known(do: Callable[[], T], *, known: Callable[[], bool]) -> T:
    """What `do` gives; of a request that is `known`, whatever its row has become.

    A request that is sent again may itself be what has moved the row: it gets the answer that got
    lost (RFC 9110, 13.1.1), and its own room sees to it that it changes nothing twice.
    """
    try:
        return do()
    except OmsError as refusal:
        if refusal.code != MOVED or not known():
            raise
    with nothing():
        return do()
