"""What is migrated once for a whole run of tests and copied: it takes the most of a minute.

A database for the workers and a cluster for products that are started. Without servers of this
run alone (`OMS_TEST_SHARED`) everything is migrated where it is used.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from oms_site.supervisor.temporary import temporary_servers

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "oms_migrated"


def template() -> str | None:
    """The name of a migrated database to copy, if this run has one."""
    return DATABASE if _once("database", _database) else None


def cluster(directory: Path) -> None:
    """Give a product that is to start in this directory a migrated cluster, if this run has one."""
    made = _once("product", _cluster)
    if made is not None:
        subprocess.run(["cp", "-a", made / "postgres", directory / "postgres"], check=True)


def _once(name: str, make: Callable[[Path], None]) -> Path | None:
    """The directory in which the first of this run's processes has made it; the others wait."""
    if not (shared := os.environ.get("OMS_TEST_SHARED")):
        return None
    directory, done = Path(shared, name), Path(shared, f"{name}.done")
    with Path(shared, f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            directory.mkdir(mode=0o711)
            make(directory)
            done.touch()
    return directory


def _database(directory: Path) -> None:
    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as link:
        link.execute(f"CREATE DATABASE {DATABASE}")
    _migrate(url._replace(path=f"/{DATABASE}").geturl())


def _cluster(directory: Path) -> None:
    with temporary_servers(directory) as servers:
        _migrate(servers.database_url)


def _migrate(url: str) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "migrate", "--verbosity=0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        check=True,
    )
