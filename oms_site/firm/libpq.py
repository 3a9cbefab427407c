"""Statements straight through libpq, for the few that every unit of work sends.

psycopg's cursors do much in Python around each statement: for the few rows of a small batch that
costs several times what the server does (docs/performance.md). These go over the same connection
in the same transaction, raise the same errors and are seen by the same watchers; while they wait,
other threads run. Parameters are `$1`, `$2`...
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import psycopg
from django.db import connection
from psycopg import abc, pq
from psycopg.adapt import PyFormat, Transformer

from oms_site.kit import clock

T = TypeVar("T")
_SPECIAL = ("\\", "\n", "\r", "\t")
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
_WELL = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_TRUE, _FALSE, _NULL = "t", "f", r"\N"
_MANY = 16  # rows from which writing by column costs less than row by row


def asked(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows that a statement gives. Raises Django's database errors."""
    raw = _connected()
    adapters = Transformer(raw)

    def ask() -> list[tuple[Any, ...]]:
        adapters.set_pgresult(_sent(raw, adapters, sql, params, pq.ExecStatus.TUPLES_OK))
        assert adapters.pgresult is not None
        return list(adapters.load_rows(0, adapters.pgresult.ntuples, tuple))

    return _watched(sql, params, ask)


def written(sql: str, params: Sequence[Any]) -> int:
    """How many rows a statement wrote. Raises Django's database errors."""
    raw = _connected()
    wanted = pq.ExecStatus.COMMAND_OK
    done = _watched(sql, params, lambda: _sent(raw, Transformer(raw), sql, params, wanted))
    return done.command_tuples or 0


def asked_in_turn(*statements: str) -> list[tuple[Any, ...]]:
    """The rows of the last of several statements, sent together; each sees what is there by then.

    Without parameters. Raises Django's database errors.
    """
    raw = _connected()
    adapters = Transformer(raw)

    def ask() -> list[tuple[Any, ...]]:
        line, begin = raw.pgconn, _begin(raw)
        done = _only(line.exec_(_together([*begin, *statements])), pq.ExecStatus.TUPLES_OK)
        adapters.set_pgresult(done)
        return list(adapters.load_rows(0, done.ntuples, tuple))

    return _watched_all(statements, ask)


def copied(
    copies: Sequence[tuple[str, Iterable[Sequence[Any]]]], *, then: Sequence[str] = ()
) -> None:
    """Send rows by `COPY … FROM STDIN`, each with its rows, and statements that go after them.

    All of it is one message, so the server is waited for once per COPY. Raises Django's database
    errors.
    """
    commands = [sql for sql, _ in copies]
    if not (commands or then):
        return
    raw = _connected()

    def copy() -> None:
        adapters = Transformer(raw)
        texts = iter([_text(rows, adapters) for _, rows in copies])
        line = raw.pgconn
        line.send_query(_together([*_begin(raw), *commands, *then]))
        failed: pq.abc.PGresult | None = None
        while (done := _next_result(line)) is not None:
            if done.status == pq.ExecStatus.COPY_IN:
                line.put_copy_data(next(texts))
                line.put_copy_end()
            elif done.status not in _WELL:
                failed = failed or done
        if failed is not None:
            raise psycopg.errors.error_from_result(failed)

    _watched_all([*commands, *then], copy)


def _connected() -> psycopg.Connection[Any]:
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    return raw


def _sent(
    raw: psycopg.Connection[Any],
    adapters: abc.Transformer,
    sql: str,
    params: Sequence[Any],
    wanted: pq.ExecStatus,
) -> pq.abc.PGresult:
    given = adapters.dump_sequence(params, [PyFormat.AUTO] * len(params))
    line = _in_transaction(raw)
    done = line.exec_params(sql.encode(), given, adapters.types, adapters.formats)
    return _only(done, wanted)


def _in_transaction(raw: psycopg.Connection[Any]) -> pq.abc.PGconn:
    """The connection under psycopg's, which begins a transaction at its first statement."""
    line = raw.pgconn
    for sql in _begin(raw):
        _only(line.exec_(sql.encode()), pq.ExecStatus.COMMAND_OK)
    return line


def _begin(raw: psycopg.Connection[Any]) -> list[str]:
    """What has to be sent ahead of the first statement of a transaction."""
    idle = raw.pgconn.transaction_status == pq.TransactionStatus.IDLE
    return ["BEGIN"] if idle and not raw.autocommit else []


def _together(statements: Sequence[str]) -> bytes:
    return ";".join(statements).encode()


def _next_result(line: pq.abc.PGconn) -> pq.abc.PGresult | None:
    _wait(line)
    return line.get_result()


def _wait(line: pq.abc.PGconn) -> None:
    """Until all is sent and answered. `get_result` would wait, and let no other thread run."""
    unsent = line.flush()
    poll = select.poll()
    poll.register(line.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
    while unsent or line.is_busy():
        poll.poll()
        line.consume_input()
        if unsent and not (unsent := line.flush()):
            poll.modify(line.socket, select.POLLIN)


def _only(result: pq.abc.PGresult, wanted: pq.ExecStatus) -> pq.abc.PGresult:
    if result.status != wanted:
        raise psycopg.errors.error_from_result(result)
    return result


def _watched_all(statements: Sequence[str], work: Callable[[], T]) -> T:
    """Tell the watchers each of several statements, and do all of them at the last."""
    for sql in statements[:-1]:
        _watched(sql, None, lambda: None)
    return _watched(statements[-1], None, work)


def _watched(sql: str, params: Sequence[Any] | None, work: Callable[[], T]) -> T:
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


# --- the text format of COPY -----------------------------------------------------------------
def _text(rows: Iterable[Sequence[Any]], adapters: abc.Transformer) -> bytes:
    other = partial(_adapted, adapters)
    rows = list(rows)
    if len(rows) < _MANY:
        lines = ["\t".join([_PLAIN.get(type(one), other)(one) for one in row]) for row in rows]
    else:
        written = [_column(values, other) for values in zip(*rows, strict=True)]
        lines = ["\t".join(line) for line in zip(*written, strict=True)]
    lines.append("")
    return "\n".join(lines).encode()


def _column(values: Sequence[Any], other: Callable[[Any], str]) -> Sequence[str]:
    """The same column of many rows: of one kind nearly always, and often one and the same value."""
    kinds = set(map(type, values))
    if len(kinds) > 1:
        return [_PLAIN.get(type(one), other)(one) for one in values]
    write, first = _PLAIN.get(kinds.pop(), other), values[0]
    if all(one is first for one in values):
        return [write(first)] * len(values)
    if write is _escaped and _escaped(together := "".join(values)) is together:
        return values
    return list(map(write, values))


def _escaped(value: str) -> str:
    for one in _SPECIAL:
        if one in value:
            return value.translate(_ESCAPED)
    return value


def _adapted(adapters: abc.Transformer, value: Any) -> str:
    """What is seldom stored, as psycopg writes it: lists, bytes, members of enumerations."""
    dumped = adapters.get_dumper(value, PyFormat.TEXT).dump(value)
    return _NULL if dumped is None else _escaped(bytes(dumped).decode())


_PLAIN: dict[type, Callable[[Any], str]] = {
    str: _escaped,
    int: str,
    Decimal: str,
    bool: lambda value: _TRUE if value else _FALSE,
    type(None): lambda _: _NULL,
    datetime: datetime.isoformat,
    date: date.isoformat,
}
