"""Runs the whole product for tests: supervisor, servers, web, workers, gateway, outside world."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import migrated

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Product:
    """A running product: where it is, and what a test may do to it."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where its web server answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def run(self) -> dict[str, Any]:
        """What the supervisor says is running now."""
        found: dict[str, Any] = json.loads((self.directory / "run.json").read_text())
        return found

    @property
    def outside(self) -> Path:
        """The journals of the venue and the custodians."""
        return self.directory / "outside"

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which `manage.py` sees the same database."""
        run = self.run
        return {
            **clean_environment(),
            "DATABASE_URL": run["database_url"],
            "REDIS_URL": run["redis_url"],
            "OMS_DATA_DIR": str(self.directory),
            "OMS_ENV": "sandbox",
            "OMS_SECRET_KEY": "only-for-tests-and-long-enough-to-be-accepted-anywhere",
        }

    def client(self, user: str = "alpha_trader") -> httpx.Client:
        """An HTTP client with a sandbox key."""
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer oems_test_{user}"}, timeout=30
        )

    def manage(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command against it."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            check=check,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Kill one of its processes by pid, once it is there again. Returns the pid."""
        until(lambda: name in self.run["pids"], seconds=60, what=f"{name} to run")
        pid = int(self.run["pids"][name])
        os.kill(pid, number)
        return pid


def clean_environment() -> dict[str, str]:
    """The environment without what belongs to the test process itself."""
    ours = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "OMS_LOG_LEVEL"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("PYTEST", "OMS_"))
    }


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running_product(directory: Path, *, fresh: bool = False, **variables: str) -> Iterator[Product]:
    """Start the product in a directory and stop it at the end, leaving its data.

    Its database has been migrated before if this run has one to copy, unless it is to be `fresh`.
    """
    if not fresh and not (directory / "postgres").exists():
        migrated.cluster(directory)
    port = free_port()
    environment = {
        **clean_environment(),
        "OMS_DATA_DIR": str(directory),
        "PORT": str(port),
        # One takes in what a test sends; a second one would only cost its start.
        "DESK_WORKERS": "1",
        **variables,
    }
    log = (directory / "supervisor.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "oms_site.supervisor"],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    product = Product(directory, port, process)
    try:
        _await_ready(product)
        yield product
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        log.close()


def _await_ready(product: Product) -> None:
    log = product.directory / "supervisor.log"

    def ready() -> bool:
        if product.process.poll() is not None:
            raise AssertionError("the product did not start:\n" + log.read_text()[-4000:])
        return "OEMS ready" in log.read_text()

    until(ready, seconds=120, what="the product to be ready")


def until(
    condition: Callable[[], Any],
    *,
    seconds: float = 60,
    what: str | Callable[[], str] = "it",
    pause: float = 0.05,
) -> Any:
    """Wait for a condition to be true; fails with what was waited for, asked for at the end."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            missing = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {seconds:.0f} s in vain for {missing}")
        time.sleep(pause)
