"""Counting, and breaking off at, the statements that a piece of work sends to the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connection


class Crash(BaseException):
    """The process dies here: nothing may catch it and carry on."""


@contextmanager
def watched(before: Callable[[int], None] = lambda n: None) -> Iterator[list[str]]:
    """Collect statements, COPY too, in short; `before(n)` is called ahead of the nth, from 1."""
    seen: list[str] = []

    def note(sql: str) -> None:
        if "SAVEPOINT" in sql:
            return  # the test's own transaction; in the product these are BEGIN and COMMIT
        seen.append(_short(sql))
        before(len(seen))

    def wrapper(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        note(str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield seen


def crash_at(k: int) -> Callable[[int], None]:
    """Die ahead of the kth statement."""

    def before(n: int) -> None:
        if n == k:
            raise Crash

    return before


def picture() -> dict[str, str]:
    """A digest of every row of every table of ours."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.app_label in {"journal", "venues", "allocations", "controls", "orders"}:
                table = model._meta.db_table
                cursor.execute(
                    "SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) "
                    f'FROM "{table}" t'
                )
                found[table] = cursor.fetchone()[0]
    return found


def _short(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)[:60]
