"""What is migrated once for a whole run of tests and copied: it takes the most of a minute.

A database for the workers and a cluster for products that are started. Without servers of this
run alone (`OMS_TEST_SHARED`) everything is migrated where it is used. What came of it is kept
beside the installed packages for the next run, until anything changes that migrations are made of.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from oms_site.supervisor import postgres
from oms_site.supervisor.temporary import temporary_servers

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "oms_migrated"
# What migrations are written in, and what they import.
MADE_OF = (
    "*/migrations/*.py",
    "oms_site/*/migrations/*.py",
    "*/models/*.py",
    "oms_site/*/models.py",
    "*/states.py",
    "oms_site/journal/*.py",
    "oms_site/firm/*.py",
)
_NAME = "oms-tests-migrated"
_KEEP = 8
_TO_DUMP = ("--format=custom", "--no-owner")
_TO_RESTORE = ("--no-owner", "--exit-on-error", "--single-transaction")


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
    if (kept := _kept()).exists():
        _run("pg_restore", *_TO_RESTORE, f"--dbname={_database_url()}", kept)
    # Has nothing to do where all was restored, but to see that it is so.
    subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "migrate", "--verbosity=0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": _database_url()},
        check=True,
    )
    if not kept.exists():
        for old in sorted(kept.parent.glob(f"{_NAME}-*"), key=_age)[_KEEP:]:
            old.unlink(missing_ok=True)
        dumped = directory / "dump"
        _run("pg_dump", *_TO_DUMP, f"--file={dumped}", f"--dbname={_database_url()}")
        shutil.move(dumped, kept)


def _cluster(directory: Path) -> None:
    template()
    with temporary_servers(directory) as servers:
        _run("pg_restore", *_TO_RESTORE, f"--dbname={servers.database_url}", _kept())


def _run(program: str, *arguments: object) -> None:
    subprocess.run([postgres.programs() / program, *map(str, arguments)], check=True)


def _database_url() -> str:
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{DATABASE}").geturl()


def _age(kept: Path) -> float:
    return -kept.stat().st_mtime


@cache
def _kept() -> Path:
    digest = sha256(Path(ROOT, "requirements.lock").read_bytes())
    for path in sorted(path for shape in MADE_OF for path in ROOT.glob(shape)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return Path(sys.prefix, f"{_NAME}-{digest.hexdigest()[:16]}")
