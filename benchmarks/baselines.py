"""What is measured against: pgbench writing the same rows, and a plain DRF ModelViewSet.

Both use the product's own PostgreSQL server, each in a database of its own.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks import stage
from oms_site.supervisor import postgres
from tests.product import ROOT, Product, clean_environment, free_port, until

TOKEN = "0123456789abcdef0123456789abcdef01234567"
LONGEST_KEY = 19  # digits of a random bigint


# --- pgbench ---------------------------------------------------------------------------------
@dataclass
class SameRows:
    """A pgbench script that inserts the rows of one real order again and again, with new keys.

    Every value is sent by the client as a parameter, as ours are; only the keys differ each time.
    """

    product: Product
    database: str = "same_rows"
    clients: int = 16
    lines: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    rounds: int = 0

    def clone(self) -> None:
        """Copy the product's database as it is: tables, triggers, indexes, keys, reference data."""
        where = ["-h", stage.sockets(self.product), "-p", "5432", "-U", "postgres"]
        with stage.connect(self.product) as link:
            link.execute(f"CREATE DATABASE {self.database} OWNER oms")
        dump = subprocess.Popen(
            [_program("pg_dump"), *where, "oms"], stdout=subprocess.PIPE, env=_plain()
        )
        subprocess.run(
            [_program("psql"), *where, "-q", "-v", "ON_ERROR_STOP=1", "-d", self.database],
            stdin=dump.stdout,
            stdout=subprocess.DEVNULL,
            env=_plain(),
            check=True,
        )
        assert dump.wait() == 0

    def drop(self) -> None:
        """Remove the copy: what the server does about it later would be measured with ours."""
        with stage.connect(self.product) as link:
            link.execute(f"DROP DATABASE {self.database} WITH (FORCE)")

    def learn(self, order_id: str) -> None:
        """Take one order of the product as the model of all rows to write."""
        # 62 random bits, the moment of the transaction, and ids that ascend as ours do.
        order, size = "'mo_' || lpad(:n, 21, '0')", "length(client_order_id)"
        ascending = "lpad(:round, 4, '0') || lpad(:client_id, 4, '0') || lpad(:k, 18, '0')"
        with stage.connect(self.product) as link:
            row = link.execute(f"SELECT {size} FROM orders_order WHERE id = %s", [order_id])
            name_length = int(str((row.fetchone() or [LONGEST_KEY])[0]))
        assert name_length >= LONGEST_KEY
        screening = f"'scr_' || {ascending}"
        self.lines = [
            "\\set n random(1, 9000000000000000000)",
            "\\set economics random(1, 9000000000000000000)",
            "\\set k :k + 1",
            "BEGIN;",
            self._insert(
                "controls_screening",
                f"subject = '{order_id}'",
                {"id": screening, "subject": order, "screened_at": "now()"},
            ),
            self._insert(
                "orders_order",
                f"id = '{order_id}'",
                {
                    "id": order,
                    "client_order_id": f"lpad(:n, {name_length}, '0')",
                    "economics": ":economics",
                    "screening_id": screening,
                    "created_at": "now()",
                },
            ),
            *(
                self._insert(
                    "journal_event",
                    f"subject = '{order_id}' AND seq = {seq}",
                    {
                        "event_id": f"'evt_' || {ascending}",
                        "subject": order,
                        "order_id": order,
                        "at": "now()",
                        "recorded_at": "now()",
                    },
                    without={"id"},
                )
                for seq in (1, 2)
            ),
            "COMMIT;",
        ]

    def run(self, seconds: float) -> float:
        """Orders per second that pgbench writes durably."""
        self.rounds += 1
        script = self.product.directory / "same_rows.sql"
        script.write_text("\n".join(self.lines) + "\n")
        named = {**self.values, "round": str(self.rounds), "k": "0"}
        argv = [_program("pgbench"), "-n", "-M", "prepared", "-c", str(self.clients), "-j", "2"]
        argv += ["-T", str(round(seconds)), "-f", str(script)]
        argv += [word for name, value in named.items() for word in ("-D", f"{name}={value}")]
        argv += ["-h", stage.sockets(self.product), "-p", "5432", "-U", "oms", self.database]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=_plain())
        assert "number of failed transactions: 0 " in done.stdout, done.stdout + done.stderr
        found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        assert found is not None, done.stdout
        return float(found[1])

    def _insert(
        self, table: str, where: str, keys: dict[str, str], without: Collection[str] = ()
    ) -> str:
        names, texts = self._row(table, where)
        parts = []
        for name, text in zip(names, texts, strict=True):
            if name in without:
                continue
            expression = keys.get(name)
            if expression is None and not text:
                # pgbench has no variables for these.
                expression = "NULL" if text is None else "''"
            elif expression is None:
                variable = f"v{len(self.values)}"
                self.values[variable] = text
                expression = f":{variable}"
            parts.append((f'"{name}"', expression))
        columns, values = (", ".join(part) for part in zip(*parts, strict=True))
        return f"INSERT INTO {table} ({columns}) VALUES ({values});"

    def _row(self, table: str, where: str) -> tuple[list[str], list[Any]]:
        with stage.connect(self.product) as link:
            names = [
                str(row[0])
                for row in link.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass "
                    "AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
                    [table],
                )
            ]
            texts = ", ".join(f'"{name}"::text' for name in names)
            row = link.execute(f"SELECT {texts} FROM {table} WHERE {where}").fetchone()
            assert row is not None
            return names, list(row)


def _program(name: str) -> str:
    return str(postgres.programs() / name)


def _plain() -> dict[str, str]:
    return postgres.plain_environment()


# --- DRF -------------------------------------------------------------------------------------
@contextlib.contextmanager
def viewset(product: Product, *, cusip: str, workers: int) -> Iterator[int]:
    """The DRF ModelViewSet behind uvicorn, on a database of its own. Yields its port."""
    with stage.connect(product) as link:
        link.execute("CREATE DATABASE viewset OWNER oms")
    port = free_port()
    environment = {
        **clean_environment(),
        "DATABASE_URL": product.run["database_url"].replace("/oms?", "/viewset?"),
        "OMS_SECRET_KEY": "only-for-measuring-and-long-enough-to-be-accepted",
        "PYTHONPATH": str(ROOT),
    }
    prepare = [sys.executable, "-m", "benchmarks.drf_viewset.prepare", cusip, TOKEN]
    subprocess.run(prepare, cwd=ROOT, env=environment, check=True)
    serve = [sys.executable, "-m", "uvicorn", "benchmarks.drf_viewset.asgi:application"]
    serve += ["--port", str(port), "--workers", str(workers)]
    serve += ["--no-access-log", "--log-level", "warning"]
    with (product.directory / "viewset.log").open("wb") as log:
        server = subprocess.Popen(serve, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        until(lambda: _listens(port), seconds=30, what="the DRF baseline to answer")
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        return True
    return False
