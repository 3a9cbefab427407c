"""Connections outside requests: one's own for locks and bells, and reads beside an event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from asgiref.sync import sync_to_async
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    close_old_connections,
    connection,
    connections,
)

from oms_site.firm import line

T = TypeVar("T")


def conninfo() -> dict[str, Any]:
    """psycopg's connection parameters of the default database."""
    settings = connection.settings_dict
    named = {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }
    return {name: value for name, value in named.items() if value}


def by_key() -> None:
    """From now on this process finds rows by key, and keeps its connections with their plans.

    For one that knows which rows it wants. Called before its first connection. A plan that is made
    while a table is empty would read all of it otherwise, and go on so when it is not: those of
    other processes are made anew each time (docs/performance.md). Each thread has a connection for
    as long as it lives: a pool gives the one that has rested longest, which knows the least.
    """
    line.keeps = True
    mine = connections.settings["default"]
    mine["OPTIONS"]["options"] += " -c enable_seqscan=off -c plan_cache_mode=force_generic_plan"
    mine["OPTIONS"].pop("pool", None)
    mine["CONN_MAX_AGE"] = None


def of_content(error: Exception) -> bool:
    """Whether what was being written may be at fault, rather than the database.

    Nothing is ever set aside because the database was away, busy or not yet migrated.
    """
    of_database = isinstance(error, DatabaseError | InterfaceError)
    return not of_database or isinstance(error, IntegrityError | DataError)


def deadlocked(error: Exception) -> bool:
    """Whether the database broke a circle of waits: all of it is undone and may be tried again."""
    return isinstance(error.__cause__, psycopg.errors.DeadlockDetected)


async def in_thread(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run database work beside the event loop, on a connection that is given back.

    Nobody else looks after a thread's connection outside a request: a database that came back
    would never be noticed.
    """

    def run() -> T:
        try:
            return work(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(run, thread_sensitive=False)()
