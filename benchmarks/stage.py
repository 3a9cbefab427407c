"""The stage of a benchmark: the running product, and what its processes cost.

Called by every benchmark. Nothing here sends load.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psycopg

from tests.product import Product, running_product, until

TICKS = os.sysconf("SC_CLK_TCK")
SPARE_SEGMENTS = 28  # of 16 MB: more than any round writes
ACTIVATE = (
    "from controls import governance, lifecycle; from controls.states import Pending; "
    "from oms_site.firm import principals as p; from oms_site.kit import clock; "
    "one, two = (p.of_api_key('oems_test_alpha_' + n) for n in ('compliance', 'compliance2')); "
    "row = governance.own('{code}', by=one); at = clock.now(); "
    "lifecycle.request(row.pk, Pending.RESUME, reason='benchmark', by=one, at=at); "
    "lifecycle.approve(row.pk, by=two, at=at)"
)


@contextlib.contextmanager
def product(**variables: str) -> Iterator[Product]:
    """The whole product under its supervisor in a fresh directory, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="oems-bench-") as name:
        directory = Path(name)
        # The embedded servers run as another user and have to reach their own directories.
        directory.chmod(0o711)
        with running_product(directory, fresh=True, **variables) as one:
            yield one


def activate_control(one: Product, code: str) -> None:
    """Put one of Alpha's controls in force that the sandbox starts without."""
    one.manage("shell", "-c", ACTIVATE.format(code=code))


def pids_of(one: Product, kind: str) -> list[int]:
    """The processes of one kind: `web`, `desk`."""
    return [pid for name, pid in one.run["pids"].items() if name.split("-")[0] == kind]


def sockets(one: Product) -> str:
    """The directory of PostgreSQL's socket."""
    return str(psycopg.conninfo.conninfo_to_dict(one.run["database_url"])["host"])


def connect(one: Product, database: str = "oms") -> psycopg.Connection[tuple[object, ...]]:
    """A connection of the cluster's superuser, committing each statement."""
    return psycopg.connect(
        host=sockets(one), port=5432, user="postgres", dbname=database, autocommit=True
    )


def settle(one: Product, *, seconds: float = 120) -> float:
    """Wait until the sequencer has numbered every event. Returns how long that took, in seconds.

    Whoever is measured next finds spare segments of the log, as on a server that has run a while.
    """
    began = time.monotonic()
    with connect(one) as link:
        _spare_segments(link)

        def behind() -> bool:
            row = link.execute(
                "SELECT (SELECT max(id) FROM journal_event) = "
                "(SELECT max(event_id) FROM journal_feed)"
            ).fetchone()
            return row is not None and row[0] is False

        until(lambda: not behind(), seconds=seconds, what="the sequencer to catch up")
    return time.monotonic() - began


def _spare_segments(link: psycopg.Connection[tuple[object, ...]]) -> None:
    # A new segment is filled with zeros by whoever needs it first, and every commit waits for that:
    # 25 ms for each 16 MB. A server uses old ones again; a cluster of this minute has none.
    row = link.execute(
        "SELECT count(*) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' "
        "AND name > pg_walfile_name(pg_current_wal_lsn())"
    ).fetchone()
    assert row is not None
    missing = SPARE_SEGMENTS - cast(int, row[0])
    for _ in range(missing):
        link.execute("SELECT pg_logical_emit_message(true, 'benchmark', 'x')")
        link.execute("SELECT pg_switch_wal()")
    if missing > 0:
        link.execute("CHECKPOINT")


def rss_mb(pids: list[int]) -> list[float]:
    """Resident memory of processes, in MB."""
    found = []
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        found.append(int(kilobytes.split()[1]) / 1024)
    return found


def cpu_seconds(one: Product) -> dict[str, float]:
    """CPU used so far: by web, desk, PostgreSQL with all its backends, the sequencer."""
    pids = one.run["pids"]
    parents = _parents()
    servers = [pid for pid, parent in parents.items() if parent == pids["postgres"]]
    return {
        **{kind: sum(_used(pid) for pid in pids_of(one, kind)) for kind in ("web", "desk")},
        # Backends that have ended are in the server's own account of its children.
        "postgres": _used(pids["postgres"], ended=True) + sum(_used(pid) for pid in servers),
        "sequencer": _used(pids["sequencer"]),
    }


def load_average() -> float:
    """The machine's load of the last minute."""
    return os.getloadavg()[0]


def _stat(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _used(pid: int, *, ended: bool = False) -> float:
    # Fields 14 to 17 of proc(5): own user and system ticks, then those of children that ended.
    fields = _stat(pid)[11 : 15 if ended else 13]
    return sum(int(field) for field in fields) / TICKS


def _parents() -> dict[int, int]:
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    stats = {pid: _stat(pid) for pid in pids}
    return {pid: int(fields[1]) for pid, fields in stats.items() if fields}
