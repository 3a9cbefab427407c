"""Statements straight through libpq, for the few that every unit of work sends.

psycopg's cursors do much in Python around each statement: for the few rows of a small batch that
costs several times what the server does (docs/performance.md). These go over the same connection
in the same transaction, raise the same errors and are seen by the same watchers; while they wait,
other threads run. Parameters are `$1`, `$2`..., each of the type of what it is compared with, cast
to or stored in. The server reads and plans each statement once per connection where a plan can be
kept (`database.by_key`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
from psycopg import abc, pq
from psycopg.adapt import PyFormat

from oms_site.firm import line
from oms_site.firm.line import Raw

Asked = tuple[str, Sequence[Any]]  # a statement and its parameters
Row = tuple[Any, ...]
_SPECIAL = ("\\", "\n", "\r", "\t")
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
_WELL = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_TRUE, _FALSE, _NULL = "t", "f", r"\N"
_MANY = 16  # rows from which writing by column costs less than row by row


def asked(sql: str, params: Sequence[Any] = ()) -> list[Row]:
    """The rows that a statement gives. Raises Django's database errors."""
    raw = line.connected()
    adapters = line.adapters(raw)

    def ask() -> list[Row]:
        adapters.set_pgresult(_sent(raw, adapters, sql, params, pq.ExecStatus.TUPLES_OK))
        return _rows(adapters)

    return line.watched(sql, params, ask)


def asked_together(*statements: Asked) -> list[list[Row]]:
    """The rows of each of several statements, sent together; each sees what is there by then.

    One that only writes gives none. Raises Django's database errors.
    """
    raw = line.connected()
    adapters = line.adapters(raw)

    def ask() -> list[list[Row]]:
        found = []
        sends = [(sql, _given(params, adapters)) for sql, params in statements]
        for result in _pipelined(raw, sends):
            adapters.set_pgresult(result)
            found.append(_rows(adapters))
        return found

    return line.watched_all([sql for sql, _ in statements], ask)


def written(sql: str, params: Sequence[Any]) -> int:
    """How many rows a statement wrote. Raises Django's database errors."""
    raw = line.connected()
    adapters, wanted = line.adapters(raw), pq.ExecStatus.COMMAND_OK
    done = line.watched(sql, params, lambda: _sent(raw, adapters, sql, params, wanted))
    return done.command_tuples or 0


def written_together(statements: Sequence[Asked], *, then: Sequence[str] = ()) -> list[int]:
    """How many rows each of several statements wrote, sent together; `then` go after them.

    Raises Django's database errors.
    """
    if not (statements or then):
        return []
    raw = line.connected()
    adapters = line.adapters(raw)

    def write() -> list[int]:
        sends = [(sql, _given(params, adapters)) for sql, params in statements]
        return [done.command_tuples or 0 for done in _pipelined(raw, sends, then=then)]

    return line.watched_all([*(sql for sql, _ in statements), *then], write)


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
    raw = line.connected()

    def copy() -> None:
        adapters = line.adapters(raw)
        texts = iter([_text(rows, adapters) for _, rows in copies])
        wire = raw.pgconn
        wire.send_query(_together([*line.begin(raw), *commands, *then]))
        failed: pq.abc.PGresult | None = None
        while (done := line.next_result(wire)) is not None:
            if done.status == pq.ExecStatus.COPY_IN:
                wire.put_copy_data(next(texts))
                wire.put_copy_end()
            elif done.status not in _WELL:
                failed = failed or done
        if failed is not None:
            raise psycopg.errors.error_from_result(failed)

    line.watched_all([*commands, *then], copy)


def _rows(adapters: abc.Transformer) -> list[Row]:
    assert adapters.pgresult is not None
    return list(adapters.load_rows(0, adapters.pgresult.ntuples, tuple))


def _together(statements: Sequence[str]) -> bytes:
    return ";".join(statements).encode()


# --- one statement, or several in a row ------------------------------------------------------
_Send = tuple[str, Sequence[Any]]  # with its parameters as text


def _sent(
    raw: Raw, adapters: abc.Transformer, sql: str, params: Sequence[Any], wanted: pq.ExecStatus
) -> pq.abc.PGresult:
    given = _given(params, adapters)
    wire = raw.pgconn
    for first in line.begin(raw):
        line.only(wire.exec_(first.encode()), pq.ExecStatus.COMMAND_OK)
    name = line.known(raw, sql)
    if name is None and (name := line.new_name(raw, sql)) is not None:
        line.only(wire.prepare(name, sql.encode()), pq.ExecStatus.COMMAND_OK)
        line.learned(raw, sql, name)
    if name is None:
        return line.only(wire.exec_params(sql.encode(), given), wanted)
    return line.only(wire.exec_prepared(name, given), wanted)


def _pipelined(
    raw: Raw, sends: Sequence[_Send], *, then: Sequence[str] = ()
) -> list[pq.abc.PGresult]:
    """The answer to each, all sent before the first is waited for. The first that fails raises."""
    firsts: list[_Send] = [(sql, ()) for sql in line.begin(raw)]
    lasts: list[_Send] = [(sql, ()) for sql in then]
    new: dict[str, bytes] = {}
    raw.pgconn.enter_pipeline_mode()
    try:
        answered: list[bool] = []
        for one in [*firsts, *sends, *lasts]:
            answered += _put(raw, new, one)
        raw.pgconn.pipeline_sync()
        results = [_whole(raw.pgconn) for _ in answered]
        line.next_result(raw.pgconn)  # the end of the pipeline
        raw.pgconn.exit_pipeline_mode()
    except BaseException:
        # Nobody knows what is on its way over it.
        raw.close()
        raise
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
    for sql, name in new.items():
        line.learned(raw, sql, name)
    mine = [result for result, is_asked in zip(results, answered, strict=True) if is_asked]
    return mine[len(firsts) : len(firsts) + len(sends)]


def _put(raw: Raw, new: dict[str, bytes], one: _Send) -> list[bool]:
    """Send one, for each answer that will come of it whether it is the statement's own."""
    sql, given = one
    wire, told = raw.pgconn, [True]
    name = line.known(raw, sql) or new.get(sql)
    if name is None and (name := line.new_name(raw, sql)) is not None:
        wire.send_prepare(name, sql.encode())
        new[sql] = name
        told = [False, True]
    if name is None:
        wire.send_query_params(sql.encode(), given)
    else:
        wire.send_query_prepared(name, given)
    return told


def _whole(wire: pq.abc.PGconn) -> pq.abc.PGresult:
    """The answer to one command of a pipeline; what follows it says that it has ended."""
    result = line.next_result(wire)
    if result is None:
        raise psycopg.OperationalError("the connection is lost")
    line.next_result(wire)
    return result


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


# --- parameters as text ----------------------------------------------------------------------
def _given(values: Sequence[Any], adapters: abc.Transformer) -> list[Any]:
    """Parameters as the server reads them for whatever type each is to have."""
    other = partial(_dumped_text, adapters)
    given = [
        one.encode() if type(one) is str else None if one is None
        else _AS_TEXT.get(type(one), other)(one)
        for one in values
    ]  # fmt: skip
    if b"\0" in b"".join(filter(None, given)):
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return given


def _dumped_text(adapters: abc.Transformer, value: Any) -> bytes | None:
    if isinstance(value, list):
        return b"{%s}" % b",".join([_element(one) for one in _given(value, adapters)])
    dumped = adapters.get_dumper(value, PyFormat.TEXT).dump(value)
    return None if dumped is None else bytes(dumped)


def _element(one: bytes | None) -> bytes:
    if one is None:
        return b"NULL"
    return b'"%s"' % one.replace(b"\\", rb"\\").replace(b'"', rb"\"")


_AS_TEXT: dict[type, Callable[[Any], bytes | None]] = {
    int: b"%d".__mod__,
    Decimal: lambda value: str(value).encode(),
    bool: {True: b"t", False: b"f"}.get,
    datetime: lambda value: value.isoformat().encode(),
    date: lambda value: value.isoformat().encode(),
}
