"""Threads with real connections that start at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from django.db import connection

from oms_site.kit import clock

T = TypeVar("T")


def race(*runners: Callable[[], T], patience: float = 60) -> list[T]:
    """Run them all at once, each on a connection of its own; their results in the given order.

    The first exception of any of them is raised here: a deadlock is a failure, not bad luck.
    """
    _make_room(len(runners) + 8)
    start = threading.Barrier(len(runners))
    results: dict[int, T] = {}
    failures: list[BaseException] = []

    def run(n: int) -> None:
        try:
            connection.ensure_connection()
            start.wait(patience)
            results[n] = runners[n]()
        except BaseException as failure:  # noqa: BLE001  raised again by the caller's thread
            failures.append(failure)
            start.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(runners))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience)
    if failures:
        raise failures[0]
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return [results[n] for n in range(len(runners))]


def beside(runner: Callable[[], T], patience: float = 60) -> Callable[[], T]:
    """Begin it now on a connection of its own; whoever calls what is returned waits for it."""
    _make_room(8)
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(runner())
        except BaseException as failure:  # noqa: BLE001  raised again by whoever waits
            answer.set_exception(failure)
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait() -> T:
        thread.join(patience)
        return answer.result(0)

    return wait


def until_somebody_waits_for_me(patience: float = 30) -> None:
    """Come back when another connection waits for what this transaction holds."""
    over = clock.monotonic() + patience
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone() != (0,):
                return
            assert clock.monotonic() < over, "nobody waits"
            time.sleep(0.01)


def _make_room(connections: int) -> None:
    """Nobody may wait for the pool: they are to meet in the database."""
    connection.ensure_connection()
    pool: Any = getattr(connection, "pool")  # noqa: B009  only PostgreSQL has one
    assert pool is not None
    if pool.max_size < connections:
        pool.resize(0, connections)


def same(runner: Callable[[], T], times: int) -> Sequence[Callable[[], T]]:
    """The same runner several times."""
    return [runner] * times
