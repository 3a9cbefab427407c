"""Whole rows by their keys, for the few questions that every unit of work asks.

Django builds such a query anew each time, for several times what the server takes to answer it;
here each is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, models
from django.db.transaction import TransactionManagementError

from oms_site.firm import libpq

Row = TypeVar("Row", bound=models.Model)
Among = Mapping[str, Iterable[Any]]
Reader = Callable[[Any, Any, Any], Any]


def locked(model: type[Row], **among: Iterable[Any]) -> list[Row]:
    """Lock the rows whose columns are among the values, in the order of their own keys.

    As `select_for_update(no_key=True)`: others may still refer to them. Raises Django's database
    errors, and `TransactionManagementError` outside of a transaction.
    """
    (found,) = locked_in_turn((model, among))
    return found


def locked_in_turn(*asked: tuple[type[models.Model], Among]) -> list[list[Any]]:
    """Lock rows of several tables, one table after the other, as `locked` does each."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("rows are locked inside a transaction")
    questions = [wanted(model, among, lock=True) for model, among in asked]
    if not any(all(values) for _, values in questions):
        return [[] for _ in asked]
    answers = libpq.asked_together(*questions)
    return [made(model, rows) for (model, _), rows in zip(asked, answers, strict=True)]


def rows(model: type[Row], **among: Iterable[Any]) -> list[Row]:
    """The rows whose columns are among the values, in the order of their own keys.

    Raises Django's database errors.
    """
    sql, values = wanted(model, among)
    return made(model, libpq.asked(sql, values)) if all(values) else []


def wanted(model: type[models.Model], among: Among, *, lock: bool = False) -> libpq.Asked:
    """The statement that asks for rows whose columns are among the values; `made` reads them."""
    return _sql(model, tuple(among), lock), [sorted(set(values)) for values in among.values()]


def columns_of(model: type[models.Model]) -> str:
    """What a statement has to select for `made`."""
    return ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)


def made(model: type[Row], found: Sequence[tuple[Any, ...]]) -> list[Row]:
    """Rows of a table from what a statement gave."""
    names, readers = _shape(model)
    for at, read in readers:
        found = [(*one[:at], read(one[at], None, connection), *one[at + 1 :]) for one in found]
    # Asked once: each time Django's own name looks whose thread this is.
    alias = connection.alias
    return [model.from_db(alias, names, one) for one in found]


@lru_cache
def _shape(model: type[models.Model]) -> tuple[tuple[str, ...], tuple[tuple[int, Reader], ...]]:
    """The attributes of a row, and what reads those that the driver leaves raw."""
    fields = model._meta.concrete_fields
    readers = tuple(
        (at, field.from_db_value)
        for at, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    )
    return tuple(field.attname for field in fields), readers


@lru_cache
def locking(model: type[models.Model], condition: str) -> str:
    """The statement that locks the rows of a condition in the order of their own keys."""
    return f"{_select(model, condition)} FOR NO KEY UPDATE"


def _select(model: type[models.Model], condition: str) -> str:
    assert model._meta.pk is not None
    return (
        f'SELECT {columns_of(model)} FROM "{model._meta.db_table}" WHERE {condition}'
        f' ORDER BY "{model._meta.pk.column}"'
    )


@lru_cache
def _sql(model: type[models.Model], by: tuple[str, ...], lock: bool) -> str:
    fields = model._meta.concrete_fields
    kinds = {str(field.column): field.db_type(connection) or "" for field in fields}
    named = " AND ".join(
        f'"{name}" = ANY(${n}::{_array(kinds[name])})' for n, name in enumerate(by, start=1)
    )
    return locking(model, named) if lock else _select(model, named)


def _array(kind: str) -> str:
    # A value that is cast to a shorter kind of text is cut off without a word.
    return "text[]" if kind.startswith("varchar") else f"{kind}[]"
