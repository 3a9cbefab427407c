"""Drains of tables that are queues: a row that breaks harms only itself, and no page starves.

Used by the sweeps of every floor. Many rows are worked in one transaction; only when their content
breaks that (`database.of_content`) they are worked one by one, and the one at fault is put aside:
people are told, it is tried again rarely. A database in trouble is raised and puts nothing aside.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.db import IntegrityError
from django.db.models import Model, Q, QuerySet

from oms_site.firm.database import of_content
from oms_site.journal.unit import StaleVersion
from oms_site.kit import clock

log = logging.getLogger(__name__)
K = TypeVar("K")
M = TypeVar("M", bound=Model)
AGAIN = timedelta(minutes=5)  # how rarely what was put aside is tried again
RACES = (StaleVersion, IntegrityError)  # somebody else may have been first: read anew, it may do
_EVER = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Poison:
    """A row that a drain could not work: which, whose, and why."""

    drain: str
    key: str
    why: str
    organization_id: str = ""
    order_id: str = ""


def _nobody(one: Poison) -> None:
    """Nobody but the log hears of it."""


_people: Callable[[Poison], None] = _nobody


def heard_by(people: Callable[[Poison], None]) -> None:
    """Name who hears of what is put aside: handed down once, by the floor that has breaks."""
    global _people
    _people = people


def due(column: str, at: datetime) -> Q:
    """Whose moment in a column has come, where most of the column's rows are still to come.

    With a bound on both sides: of a table that was never analyzed the planner takes a third for
    earlier than now, and reads all of it; within two bounds it takes few, and seeks.
    """
    return Q(**{f"{column}__gt": _EVER, f"{column}__lte": at})


def safely(
    together: Callable[[list[K]], int],
    alone: Callable[[K], int],
    *,
    aside: Callable[[K, Exception], object],
    taken: list[K] | None = None,
) -> int:
    """Work a page of rows at once, or each alone where one of them breaks it; how many were done.

    `together` notes the keys of what it takes in the list it is given (`taken`, for callers that
    turn pages), before it works them. Raises what a database in trouble raises, and what broke
    before a row was taken: none is at fault for that.
    """
    taken = [] if taken is None else taken
    try:
        return together(taken)
    except Exception as error:
        if not (taken and of_content(error)):
            raise
        log.exception("a batch of %d broke; going one by one", len(taken))
    return each(taken, alone, aside=aside)


def each(
    keys: Iterable[K], work: Callable[[K], int], *, aside: Callable[[K, Exception], object]
) -> int:
    """Work rows one by one; what breaks by its content goes `aside` and holds up no other.

    Who lost a race is tried once more before that: `work` is a transaction of its own.
    """
    done = 0
    for key in keys:
        try:
            done += _twice(work, key)
        except Exception as error:
            if not of_content(error):
                raise
            _go_on(aside, key, error)
    return done


def _twice(work: Callable[[K], int], key: K) -> int:
    try:
        return work(key)
    except RACES as error:
        log.info("%s is tried once more: %s", key, error)
        return work(key)


def _go_on(aside: Callable[[K, Exception], object], key: K, error: Exception) -> None:
    """Put one aside; where even that breaks, the others are worked all the same."""
    try:
        aside(key, error)
    except Exception as also:
        if not of_content(also):
            raise
        log.exception("%s could not be put aside", key)


def tell(
    drain: str, key: object, error: Exception, *, organization_id: str = "", order_id: str = ""
) -> None:
    """Have people hear of a row that cannot be worked."""
    log.error("%s: %s could not be worked", drain, key, exc_info=error)
    why = f"{type(error).__name__}: {error}"[:400]
    try:
        _people(Poison(drain, str(key), why, organization_id, order_id))
    except Exception as also:
        if not of_content(also):
            raise
        log.exception("%s: nobody could be told of %s", drain, key)


class Aside:
    """Rows of one drain that this process leaves out for a while, where no column says so.

    Another process, or this one after a restart, tries each once more: that costs a try.
    """

    def __init__(self, drain: str, *, again: timedelta = AGAIN) -> None:
        self.drain = drain
        self._again = again.total_seconds()
        self._until: dict[Any, float] = {}

    def keys(self) -> list[Any]:
        """What is left out now."""
        now = clock.monotonic()
        for key in [key for key, until in self._until.items() if until <= now]:
            del self._until[key]
        return list(self._until)

    def put(
        self, key: Any, error: Exception, *, organization_id: str = "", order_id: str = ""
    ) -> None:
        """Leave a row out, and tell people."""
        self._until[key] = clock.monotonic() + self._again
        tell(self.drain, key, error, organization_id=organization_id, order_id=order_id)


class Turns:
    """Pages of rows that may stay: each begins after the last one, so none waits behind others."""

    def __init__(self) -> None:
        self._last: Any = None

    def page(self, rows: QuerySet[M], limit: int) -> list[M]:
        """The next so many by key, from the beginning again after the end."""
        after = rows if self._last is None else rows.filter(pk__gt=self._last)
        found = list(after.order_by("pk")[:limit])
        if self._last is not None and len(found) < limit:
            found += rows.filter(pk__lte=self._last).order_by("pk")[: limit - len(found)]
        self._last = found[-1].pk if len(found) == limit else None
        return found
