"""Throw-away servers for tests and benchmarks, as durable as the real ones.

Called by tests/conftest.py and benchmarks. Must be entered from the main thread.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from oms_site.supervisor import logs, postgres, valkey
from oms_site.supervisor.running import Running, stop_all
from oms_site.supervisor.sockets import make_sockets_dir
from oms_site.supervisor.terminal import CannotStart
from oms_site.supervisor.unprivileged import account_for

SMALL = {
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
}


@dataclass(frozen=True)
class Addresses:
    """Where the temporary servers are reached. The role may create databases."""

    database_url: str
    redis_url: str
    postgres_pid: int
    valkey_pid: int


@contextlib.contextmanager
def temporary_servers(
    directory: Path, *, settings: dict[str, str] | None = None
) -> Iterator[Addresses]:
    """Run PostgreSQL and Valkey inside `directory` while entered; `settings` of PostgreSQL win.

    Nothing is removed afterwards: the directory is yours. Raises `CannotStart`.
    """
    directory = directory.resolve()
    cluster = directory / "postgres"
    account = account_for(cluster)
    sockets = make_sockets_dir(directory, account=account)
    postgres.make_cluster(cluster, account=account, sync=False)
    wanted = {**SMALL, **(settings or {})}
    children = [
        postgres.server(cluster, sockets, account=account, settings=wanted),
        valkey.server(directory / "valkey", sockets, account=account),
    ]
    running = [Running(child, log=directory / f"{child.name}.log") for child in children]
    try:
        for one in running:
            one.start()
        for one in running:
            _wait(one, within=30)
        postgres.make_database(sockets)
        pids = [one.pid or 0 for one in running]
        yield Addresses(postgres.database_url(sockets), valkey.redis_url(sockets), *pids)
    finally:
        stop_all(running, hurry=lambda: False, pause=time.sleep)


def _wait(one: Running, *, within: float) -> None:
    deadline = time.monotonic() + within
    ready: Callable[[], bool] = one.child.ready or (lambda: True)
    while not ready():
        if one.ended() is not None or time.monotonic() > deadline:
            said = "\n".join(logs.last_lines(one.log, 10))
            raise CannotStart(f"The temporary {one.child.name} did not start:\n{said}")
        time.sleep(0.01)
