"""Several hands for what takes long: pieces of a check on connections of their own, one snapshot.

Inside a transaction that nobody else can see (a test's) everything is done by one hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection, transaction

from orders.books.verdicts import Run

Piece = TypeVar("Piece")
Found = TypeVar("Found")
HANDS = 4


@contextmanager
def snapshot(run: Run) -> Iterator[None]:
    """One view of the database for a whole run, however long it takes, on a running product."""
    inside = connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not inside:
                _read_only()
                cursor.execute("SELECT pg_export_snapshot()")
                run.snapshot = cursor.fetchone()[0]
            _settings()
        yield


def spread(run: Run, work: Callable[[Piece], Found], pieces: Iterable[Piece]) -> Iterator[Found]:
    """What `work` finds in each piece, in their order, some of them at once."""
    if not run.snapshot:
        yield from map(work, pieces)
        return
    with ThreadPoolExecutor(HANDS, thread_name_prefix="books") as pool:
        yield from pool.map(lambda piece: _aside(run.snapshot, work, piece), pieces)


def _aside(shared: str, work: Callable[[Piece], Found], piece: Piece) -> Found:
    try:
        with transaction.atomic():
            _read_only()
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION SNAPSHOT %s", [shared])
            _settings()
            return work(piece)
    finally:
        connection.close()


def _read_only() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _settings() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute("SET LOCAL jit = off")  # compiling takes longer than any piece
