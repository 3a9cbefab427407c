"""The connection under psycopg's: beginning, waiting, being watched, and what the server knows.

For `libpq` alone, which says what is sent over it.
"""

from __future__ import annotations

import itertools
import select
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg import pq

from oms_site.kit import clock

T = TypeVar("T")
Raw = psycopg.Connection[Any]
Types = tuple[int, ...]

_MOST = 400  # statements that a connection is asked to know
_known = WeakKeyDictionary[Raw, dict[tuple[str, Types], bytes]]()
_number = itertools.count(1)


def connected() -> Raw:
    """Django's connection of this thread."""
    connection.ensure_connection()
    raw: Raw = connection.connection
    return raw


def begin(raw: Raw) -> list[str]:
    """What has to be sent ahead of the first statement of a transaction, as psycopg would."""
    idle = raw.pgconn.transaction_status == pq.TransactionStatus.IDLE
    return ["BEGIN"] if idle and not raw.autocommit else []


def known(raw: Raw, sql: str, types: Types) -> bytes | None:
    """The name by which this connection knows a statement with parameters of these types."""
    return _known.setdefault(raw, {}).get((sql, types))


def new_name(raw: Raw) -> bytes | None:
    """A name for another statement; None when this connection knows too many."""
    # One that failed is not used again: nobody can say whether the server has it.
    full = len(_known.setdefault(raw, {})) >= _MOST
    return None if full else b"oms_%d" % next(_number)


def learned(raw: Raw, sql: str, types: Types, name: bytes) -> None:
    """The server knows the statement by this name until the connection ends."""
    _known[raw][sql, types] = name


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
    """Tell the watchers each of several statements, and do all of them at the last."""
    for sql in statements[:-1]:
        watched(sql, None, lambda: None)
    return watched(statements[-1], None, work)


def watched(sql: str, params: Sequence[Any] | None, work: Callable[[], T]) -> T:
    """Do it as a cursor of Django's would: its wrappers are told, and its log of queries."""

    def execute(sql: str, params: Any, many: bool, context: Any) -> T:
        connection.validate_no_broken_transaction()
        began = clock.monotonic()
        try:
            with connection.wrap_database_errors:
                return work()
        finally:
            if connection.queries_logged:
                took = clock.monotonic() - began
                connection.queries_log.append({"sql": sql, "time": f"{took:.3f}"})

    call: Callable[[str, Any, bool, Any], T] = execute
    for wrapper in reversed(connection.execute_wrappers):
        call = partial(wrapper, call)
    return call(sql, params, False, {"connection": connection, "cursor": None})
