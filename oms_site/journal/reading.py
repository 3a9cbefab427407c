"""Whole rows by their keys, for the few questions that every unit of work asks.

Django builds such a query anew each time, for several times what the server takes to answer it;
here each is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, models
from django.db.transaction import TransactionManagementError

from oms_site.firm import libpq

Row = TypeVar("Row", bound=models.Model)
Reader = Callable[[Any, Any, Any], Any]


def locked(model: type[Row], **among: Iterable[Any]) -> list[Row]:
    """Lock the rows whose columns are among the values, in the order of their own keys.

    As `select_for_update(no_key=True)`: others may still refer to them. Raises Django's database
    errors, and `TransactionManagementError` outside of a transaction.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("rows are locked inside a transaction")
    return _read(model, " FOR NO KEY UPDATE", among)


def rows(model: type[Row], **among: Iterable[Any]) -> list[Row]:
    """The rows whose columns are among the values, in the order of their own keys.

    Raises Django's database errors.
    """
    return _read(model, "", among)


def _read(model: type[Row], how: str, among: dict[str, Iterable[Any]]) -> list[Row]:
    wanted = [sorted(set(values)) for values in among.values()]
    if not all(wanted):
        return []
    sql, names, readers = _plan(model, tuple(among), how)
    found = libpq.asked(sql, wanted)
    for at, read in readers:
        found = [(*one[:at], read(one[at], None, connection), *one[at + 1 :]) for one in found]
    return [model.from_db(connection.alias, names, one) for one in found]


@lru_cache
def _plan(
    model: type[models.Model], by: tuple[str, ...], how: str
) -> tuple[str, tuple[str, ...], tuple[tuple[int, Reader], ...]]:
    """The statement, the attributes it gives, and what reads those the driver leaves raw."""
    fields = model._meta.concrete_fields
    assert model._meta.pk is not None
    columns = ", ".join(f'"{field.column}"' for field in fields)
    kinds = {str(field.column): field.db_type(connection) or "" for field in fields}
    named = " AND ".join(
        f'"{name}" = ANY(${n}::{_array(kinds[name])})' for n, name in enumerate(by, start=1)
    )
    sql = (
        f'SELECT {columns} FROM "{model._meta.db_table}" WHERE {named}'
        f' ORDER BY "{model._meta.pk.column}"{how}'
    )
    readers = tuple(
        (at, field.from_db_value)
        for at, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    )
    return sql, tuple(field.attname for field in fields), readers


def _array(kind: str) -> str:
    # A value that is cast to a shorter kind of text is cut off without a word.
    return "text[]" if kind.startswith("varchar") else f"{kind}[]"
