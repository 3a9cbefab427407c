"""The connection under psycopg's: beginning, waiting, being watched, and what the server knows.

For `libpq` alone, which says what is sent over it.
"""

from __future__ import annotations

import itertools
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import abc, pq
from psycopg.adapt import AdaptersMap, Loader, Transformer

from oms_site.kit import clock

T = TypeVar("T")
Raw = psycopg.Connection[Any]

_MOST = 600  # statements that a connection is asked to know
# How long plans are kept by a connection that is new, and each time twice as long up to the other.
# One for a table of few rows takes any index that begins with the right column, and goes on so when
# there are many (twice the work after 15,000 fills); who makes all of them anew waits 5 ms.
PLAN_SECONDS, PLANS_MOST_SECONDS = 10.0, 600.0
# Whether plans are kept of statements that read too: see `database.by_key`.
keeps = False
_known = WeakKeyDictionary[Raw, dict[str, bytes]]()
_maps = WeakKeyDictionary[Raw, AdaptersMap]()
# Until when the plans of a connection are kept, and for how long they were made.
_planned = WeakKeyDictionary[Raw, tuple[float, float]]()
_number = itertools.count(1)


def connected() -> Raw:
    """Django's connection of this thread."""
    mine = connections[DEFAULT_DB_ALIAS]
    mine.ensure_connection()
    raw: Raw = mine.connection
    return raw


def begin(raw: Raw) -> list[str]:
    """What has to be sent ahead of the first statement of a transaction, as psycopg would."""
    if raw.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        return []
    return [*([] if raw.autocommit else ["BEGIN"]), *_planned_anew(raw)]


def _planned_anew(raw: Raw) -> list[str]:
    """What makes the server forget its plans, of triggers too, when they are for tables of then."""
    now = clock.monotonic()
    until, lasts = _planned.setdefault(raw, (now + PLAN_SECONDS, PLAN_SECONDS))
    if now < until:
        return []
    lasts = min(2 * lasts, PLANS_MOST_SECONDS)
    _planned[raw] = (now + lasts, lasts)
    return ["DISCARD PLANS"]


def adapters(raw: Raw) -> abc.Transformer:
    """What makes values of what the server answers, as Django's connection has them made.

    Moments are read by the interpreter's own parser, at a fifth of the price.
    """
    if (known := _maps.get(raw)) is None:
        known = _maps[raw] = AdaptersMap(raw.adapters)
        known.register_loader("timestamptz", _Moment)
    made: abc.Transformer = Transformer(_Context(known, raw))
    return made


@dataclass(frozen=True, slots=True)
class _Context:
    adapters: AdaptersMap
    connection: Raw


class _Moment(Loader):
    """A moment in UTC, in which every connection of ours speaks (`oms_site/firm/database.py`)."""

    def load(self, data: abc.Buffer) -> datetime:
        return datetime.fromisoformat(bytes(data).decode())


def known(raw: Raw, sql: str) -> bytes | None:
    """The name by which this connection knows a statement."""
    return _known.setdefault(raw, {}).get(sql)


def new_name(raw: Raw, sql: str) -> bytes | None:
    """A name for another statement; None for one that is to be planned each time."""
    if not (keeps or sql.startswith("INSERT")) or len(_known.setdefault(raw, {})) >= _MOST:
        return None
    # One that failed is not used again: nobody can say whether the server has it.
    return b"oms_%d" % next(_number)


def learned(raw: Raw, sql: str, name: bytes) -> None:
    """The server knows the statement by this name until the connection ends."""
    _known[raw][sql] = name


def next_result(line: pq.abc.PGconn) -> pq.abc.PGresult | None:
    """What comes next. `get_result` would wait too, and let no other thread run."""
    _wait(line)
    return line.get_result()


def _wait(line: pq.abc.PGconn) -> None:
    """Until all is sent and answered."""
    unsent = line.flush()
    if not unsent and not line.is_busy():
        return
    poll = select.poll()
    poll.register(line.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
    while unsent or line.is_busy():
        poll.poll()
        line.consume_input()
        if unsent and not (unsent := line.flush()):
            poll.modify(line.socket, select.POLLIN)


def only(result: pq.abc.PGresult | None, wanted: pq.ExecStatus) -> pq.abc.PGresult:
    """The result, if it is of the kind that is wanted. Raises psycopg's error that it tells of."""
    if result is None:
        raise psycopg.OperationalError("the connection is lost")
    if result.status != wanted:
        raise psycopg.errors.error_from_result(result)
    return result


def watched_all(statements: Sequence[str], work: Callable[[], T]) -> T:
    """Do several statements at once as cursors of Django's would: the watchers are told of each."""
    # Looked up once: for each attribute Django's own name asks again whose thread this is.
    mine = connections[DEFAULT_DB_ALIAS]
    if mine.execute_wrappers or mine.queries_logged:
        for sql in statements[:-1]:
            _told(mine, sql, None, lambda: None)
        return _told(mine, statements[-1], None, work)
    mine.validate_no_broken_transaction()
    with mine.wrap_database_errors:
        return work()


def watched(sql: str, params: Sequence[Any] | None, work: Callable[[], T]) -> T:
    """Do it as a cursor of Django's would: its wrappers are told, and its log of queries."""
    mine = connections[DEFAULT_DB_ALIAS]
    if mine.execute_wrappers or mine.queries_logged:
        return _told(mine, sql, params, work)
    return watched_all([sql], work)


def _told(
    mine: BaseDatabaseWrapper, sql: str, params: Sequence[Any] | None, work: Callable[[], T]
) -> T:
    def execute(sql: str, params: Any, many: bool, context: Any) -> T:
        mine.validate_no_broken_transaction()
        began = clock.monotonic()
        try:
            with mine.wrap_database_errors:
                return work()
        finally:
            if mine.queries_logged:
                took = clock.monotonic() - began
                mine.queries_log.append({"sql": sql, "time": f"{took:.3f}"})

    call: Callable[[str, Any, bool, Any], T] = execute
    for wrapper in reversed(mine.execute_wrappers):
        call = partial(wrapper, call)
    return call(sql, params, False, {"connection": mine, "cursor": None})
