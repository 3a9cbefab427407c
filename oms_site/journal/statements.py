"""The set-based statements of a unit of work: inserts, and one guarded UPDATE per table.

A few rows are inserted by one message with all their values; many by COPY, which costs less for
each and has to be waited for once per table.

Measured: per-row ORM writes carry 430 fills a second where these carry tens of thousands.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
import psycopg
from django.db import DatabaseError, connection, models
from django.db.models.base import ModelState

from oms_site.firm import libpq

Row = TypeVar("Row", bound=models.Model)
Added = Sequence[tuple[type[models.Model], Sequence[models.Model]]]
# A statement, how many rows it has to write, and what is raised when it writes another number.
Guarded = tuple[libpq.Asked, int, Exception]
_Table = tuple[str, list[Sequence[Any]]]  # its name and columns, and rows
FEW = 24  # rows of one table, in one statement: laws of a table see all that comes at once
_WROTE_OTHERWISE = "OMS01"  # what `oms_wrote` raises, with the place of the statement
_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(value: Any) -> str:
    """JSON text; decimals as numbers with every digit they have."""
    return _encoder.encode(value).decode()


def _as_json(value: Any) -> str | None:
    return None if value is None else encode(value)


@lru_cache
def _concrete(model: type[models.Model]) -> tuple[tuple[str, str, bool], ...]:
    # (attribute, column, is JSON); a database-made key is left to the database.
    return tuple(
        (field.attname, str(field.column), isinstance(field, models.JSONField))
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField | models.BigAutoField)
        and not isinstance(field, models.CompositePrimaryKey)
    )


@lru_cache
def _defaults(
    model: type[models.Model],
) -> tuple[dict[str, Any], tuple[tuple[str, Callable[[], Any]], ...]]:
    """What every new row begins with, and what is made anew for each."""
    fields = model._meta.concrete_fields
    own = [field for field in fields if field.has_default() and callable(field.default)]
    alike = {field.attname: field.get_default() for field in fields if field not in own}
    return alike, tuple((field.attname, field.default) for field in own)


def fresh(model: type[Row], **values: Any) -> Row:
    """A new row from attribute names, as `model(**values)` makes it, at a tenth of the price.

    Django sets each field by name and looks for keywords that might be relations; a batch makes
    thousands of wide rows. Raises `TypeError` for a name that is no column.
    """
    row = model.__new__(model)
    row._state = ModelState()
    held = row.__dict__
    alike, own = _defaults(model)
    held.update(alike)
    for name, default in own:
        held[name] = values[name] if name in values else default()
    known = len(held)
    held.update(values)
    if len(held) > known:
        unknown = sorted(values.keys() - alike.keys() - dict(own).keys())
        raise TypeError(f"{model.__name__} has no columns {', '.join(unknown)}")
    return row


def columns(row: models.Model) -> dict[str, Any]:
    """Every column of a row that has a value, by column name."""
    names, getter = _columns_plan(type(row))
    pairs = zip(names, getter(row.__dict__), strict=True)
    return {column: value for column, value in pairs if value is not None}


@lru_cache
def _columns_plan(
    model: type[models.Model],
) -> tuple[tuple[str, ...], Callable[[dict[str, Any]], Any]]:
    fields = _concrete(model)
    return tuple(column for _, column, _ in fields), itemgetter(*[name for name, _, _ in fields])


@lru_cache
def _copy_plan(
    model: type[models.Model],
) -> tuple[str, Callable[[dict[str, Any]], Any], tuple[int, ...]]:
    """Table and columns as statements name them, the getter of a row, and which are JSON."""
    columns, getter = _columns_plan(model)
    names = ", ".join(f'"{column}"' for column in columns)
    json_at = tuple(i for i, (_, _, is_json) in enumerate(_concrete(model)) if is_json)
    return f'"{model._meta.db_table}" ({names})', getter, json_at


def insert(added: Added, *, then: Sequence[str] = ()) -> None:
    """Insert rows table by table, in the order of the names they may have only once.

    `then` are statements that go with them, after them. Raises Django's database errors.
    """
    tables = [_rows(model, rows) for model, rows in added if rows]
    if _are_few(tables):
        libpq.written_together([_inserted(*table) for table in tables], then=then)
    else:
        libpq.copied([(f"COPY {into} FROM STDIN", rows) for into, rows in tables], then=then)


def write(
    added: Added, guarded: Sequence[Guarded], told: Added, *, then: Sequence[str] = ()
) -> None:
    """Insert rows, then change what is `guarded`, then insert what is `told` of it, and `then`.

    All of it is one message where rows are few. Raises what a guarded statement is to raise when
    it writes another number of rows, and Django's database errors.
    """
    if not guarded:
        insert([*added, *told], then=then)
        return
    before = [_rows(model, rows) for model, rows in added if rows]
    after = [_rows(model, rows) for model, rows in told if rows]
    checked = [_checked(one, place) for place, one in enumerate(guarded)]
    try:
        if _are_few([*before, *after]):
            inserts, tells = ([_inserted(*one) for one in tables] for tables in (before, after))
            libpq.written_together([*inserts, *checked, *tells], then=then)
            return
        libpq.copied([(f"COPY {into} FROM STDIN", rows) for into, rows in before])
        libpq.written_together(checked)
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.Error) and cause.sqlstate == _WROTE_OTHERWISE:
            raise guarded[int(cause.diag.message_primary or 0)][2] from error
        raise
    insert(told, then=then)


def updated(model: type[models.Model], changed: Sequence[dict[str, Any]]) -> libpq.Asked:
    """What writes changed columns, each row's only at the version it was read at."""
    fixed = {"id", "was_version", "version"}
    names = tuple(sorted({name for row in changed for name in row} - fixed))
    alike = all(len(row) == len(fixed) + len(names) for row in changed)
    payload = list(changed)
    if not alike:  # then each row says which columns it means
        payload = [
            {**row, **{f"set_{name}": True for name in row if name not in fixed}} for row in changed
        ]
    keys = [row["id"] for row in changed]
    return _update_sql(model, names, alike), [_encoder_text.encode(payload).decode(), keys]


def _checked(one: Guarded, place: int) -> libpq.Asked:
    """The statement, which fails when it writes another number of rows than it is to write."""
    (sql, params), rows, _ = one
    return _checked_sql(sql, len(params)), [*params, rows, place]


@lru_cache(maxsize=512)
def _checked_sql(sql: str, params: int) -> str:
    return (
        f"WITH done AS ({sql} RETURNING 1) "
        f"SELECT oms_wrote(count(*), ${params + 1}::bigint, ${params + 2}::bigint) FROM done"
    )


def _are_few(tables: Sequence[_Table]) -> bool:
    return all(len(rows) <= FEW for _, rows in tables)


def _rows(model: type[models.Model], rows: Sequence[models.Model]) -> _Table:
    into, getter, json_at = _copy_plan(model)
    if names := getattr(model, "INSERTED_BY", ()):
        rows = sorted(rows, key=lambda row: [getattr(row, name) or "" for name in names])
    return into, [_values(getter(row.__dict__), json_at) for row in rows]


def _inserted(into: str, rows: Sequence[Sequence[Any]]) -> libpq.Asked:
    return _insert_sql(into, len(rows), len(rows[0])), [one for row in rows for one in row]


@lru_cache(maxsize=1024)  # as many as tables, times the few rows of each
def _insert_sql(into: str, rows: int, columns: int) -> str:
    numbers = itertools.count(1)
    each = [", ".join(f"${next(numbers)}" for _ in range(columns)) for _ in range(rows)]
    return f"INSERT INTO {into} VALUES {', '.join(f'({row})' for row in each)}"


def _values(values: Sequence[Any], json_at: tuple[int, ...]) -> Sequence[Any]:
    if not json_at:
        return values
    values = list(values)
    for i in json_at:
        values[i] = _as_json(values[i])
    return values


@lru_cache(maxsize=512)
def _update_sql(model: type[models.Model], names: tuple[str, ...], alike: bool) -> str:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    column = {name: fields[name].column for name in names}
    sets = "".join(
        f', "{column[n]}" = s."{n}"'
        if alike
        else f', "{column[n]}" = CASE WHEN s.set_{n} THEN s."{n}" ELSE t."{column[n]}" END'
        for n in names
    )
    marks = "" if alike else ", set_{0} boolean"
    shape = "".join(f', "{n}" {fields[n].db_type(connection)}{marks.format(n)}' for n in names)
    return (
        f'UPDATE "{model._meta.db_table}" t SET version = s.version{sets} '
        f"FROM json_to_recordset($1::json) AS s(id text, was_version int, version int{shape}) "
        # By its keys, however few rows a plan was made for that is kept: it would read them all.
        "WHERE t.id = s.id AND t.version = s.was_version AND t.id = ANY($2::text[])"
    )


# Recordsets cast text to numeric exactly; numbers in JSON would do too, text is never reread.
_encoder_text = msgspec.json.Encoder(decimal_format="string")
