"""The seeded sandbox as the rows that it is: seeded once by each worker, then copied back.

Seeding runs a few hundred statements, and thousands of tests begin with it. Rows are copied without
triggers: they passed them when they were seeded. Only servers of this run alone may do that
(`session_replication_role`); on any other, tests seed as a product does and lift the guards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from oms_site.firm.models import Organization

# What migrating makes stays: seeding changes nothing of it.
KEPT = ("auth_permission", "django_content_type", "django_migrations")
_kept: dict[str, bytes] = {}
_born: set[str] = set()


def allowed() -> bool:
    """Whether this run has servers of its own."""
    return "OMS_TEST_SHARED" in os.environ


def restore(seed: Callable[[], None]) -> None:
    """The rows that `seed` makes, made by it the first time in this process.

    Who asks twice has it look what is missing. What migrating left is among its rows.
    """
    if not allowed() or Organization.objects.exists():
        seed()
    elif _kept:
        with _untriggered():
            for table, rows in _kept.items():
                _copy_in(table, rows)
    else:
        _born.update(_filled())
        seed()
        _kept.update((table, _copy_out(table)) for table in _filled())


def remove_all(operations: DatabaseOperations, sql_list: list[str]) -> None:
    """What committed tests leave; stands for `DatabaseOperations.execute_sql_flush`."""
    with connection.cursor() as cursor:
        if not allowed():
            _truncate(cursor)
            return
        with _untriggered():
            for table in _filled():
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


@contextmanager
def _untriggered() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def _truncate(cursor: CursorWrapper) -> None:
    tables = [sql.Identifier(table) for table in _tables()]
    with transaction.atomic():
        for table in tables:
            cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(table))
        cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(tables)))
        for table in tables:
            cursor.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(table))


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        return [one for one in connection.introspection.table_names(cursor) if one not in KEPT]


def _filled() -> list[str]:
    """Names of the tables that have rows, in one statement."""
    asked = (
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(
            sql.Literal(table), sql.Identifier(table)
        )
        for table in _tables()
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(asked))
        return [row[0] for row in cursor.fetchall()]


def _copy_out(table: str) -> bytes:
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as rows,
    ):
        return b"".join(bytes(part) for part in rows)


def _copy_in(table: str, rows: bytes) -> None:
    name = sql.Identifier(table)
    with connection.cursor() as cursor:
        if table in _born:
            cursor.execute(sql.SQL("DELETE FROM {}").format(name))
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copying:
            copying.write(rows)
