"""Rows locked by key: one statement per table and column, written once.

Django builds such a query anew each time, for several times what the server takes to answer it;
every unit of work locks a few rows of a few tables.
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


def rows(model: type[Row], keys: Iterable[str], *, by: str = "id") -> list[Row]:
    """Lock the rows whose text column `by` is among the keys, in the order of their own keys.

    As `select_for_update(no_key=True)`: others may still refer to them. Raises Django's database
    errors, and `TransactionManagementError` outside of a transaction.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return []
    if not connection.in_atomic_block:
        raise TransactionManagementError("rows are locked inside a transaction")
    sql, names, readers = _plan(model, by)
    found = libpq.asked(sql, [wanted])
    for at, read in readers:
        found = [(*one[:at], read(one[at], None, connection), *one[at + 1 :]) for one in found]
    return [model.from_db(connection.alias, names, one) for one in found]


@lru_cache
def _plan(
    model: type[models.Model], by: str
) -> tuple[str, tuple[str, ...], tuple[tuple[int, Reader], ...]]:
    """The statement, the attributes it gives, and what reads those the driver leaves raw."""
    fields = model._meta.concrete_fields
    assert model._meta.pk is not None
    columns = ", ".join(f'"{field.column}"' for field in fields)
    sql = (
        f'SELECT {columns} FROM "{model._meta.db_table}" WHERE "{by}" = ANY($1::text[])'
        f' ORDER BY "{model._meta.pk.column}" FOR NO KEY UPDATE'
    )
    readers = tuple(
        (at, field.from_db_value)
        for at, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    )
    return sql, tuple(field.attname for field in fields), readers
