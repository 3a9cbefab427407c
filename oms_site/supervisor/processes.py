"""The children of the supervisor: what each one is, and the table of those of the product.

Pure description; `running` brings it to life.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oms_site.supervisor.data import ROOT, Layout
from oms_site.supervisor.unprivileged import Account

TROUBLE = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL|PANIC|Traceback)\b")


@dataclass(frozen=True)
class BackOff:
    """How long to wait before a restart: doubling, up to a ceiling, forgotten when it holds."""

    first: float = 0.25
    ceiling: float = 5.0
    forget_after: float = 10.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after this many failures in a row (1 is the first)."""
        return min(self.first * 2.0 ** min(failures - 1, 16), self.ceiling)


@dataclass(frozen=True)
class Child:
    """One process to keep alive, in a process group of its own."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path = ROOT
    # None: ready as soon as it runs. Must answer within a second or so and never raise.
    ready: Callable[[], bool] | None = None
    # Called before every start; may repair what a crash left.
    before: Callable[[], None] | None = None
    # Signals to end it with, each with the seconds it is given; SIGKILL is the last resort.
    stop: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 8.0),)
    # What the kernel sends it when the supervisor itself is killed.
    orphaned: signal.Signals = signal.SIGKILL
    back_off: BackOff = field(default_factory=BackOff)
    account: Account | None = None
    keep_fds: Sequence[int] = ()
    # Lines of its log that are repeated on the terminal.
    echo: re.Pattern[str] = TROUBLE


@dataclass(frozen=True)
class Step:
    """One command that has to succeed before the applications start."""

    name: str
    text: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path = ROOT


def steps(*, env: Mapping[str, str]) -> list[Step]:
    """What is done on every start, once the database is up; both keep what is there."""
    manage = [sys.executable, str(ROOT / "manage.py")]
    return [
        Step(
            "migrate",
            "bringing the database up to date",
            [*manage, "migrate", "--no-input"],
            env,
        ),
        Step("sandbox", "seeding the sandbox", [*manage, "seed_sandbox"], env),
    ]


def applications(layout: Layout, *, env: Mapping[str, str], door: int) -> list[Child]:
    """The processes of the product in the order they start; `door` is the listening socket.

    Every web process serves the same socket, so one of them can restart unnoticed.
    """
    python = sys.executable
    manage = [python, str(ROOT / "manage.py")]
    celery = [python, "-m", "celery", "-A", "oms_site"]
    beat = ["beat", "--loglevel=INFO", "--pidfile="]
    beat += ["--schedule", str(layout.data_dir / "celerybeat-schedule")]
    return [
        Child("outside", [*manage, "run_outside"], env),
        *(_desk(n, env) for n in range(1, layout.desk_workers + 1)),
        *(
            Child("web" if n == 1 else f"web-{n}", _web(door), env, keep_fds=[door])
            for n in range(1, layout.web_workers + 1)
        ),
        Child(
            "worker",
            [*celery, "worker", "-P", "threads", "-c", "4", "--loglevel=INFO"],
            env,
        ),
        Child("beat", [*celery, *beat], env),
        Child("sequencer", [*manage, "run_sequencer"], env),
        Child("gateway", [*manage, "run_gateway"], env),
    ]


def _desk(number: int, env: Mapping[str, str]) -> Child:
    path = str(Path(env["OMS_SOCKETS"]) / f"desk-{number}")
    name = "desk" if number == 1 else f"desk-{number}"
    return Child(name, [sys.executable, str(ROOT / "manage.py"), "run_desk", path], env)


def _web(door: int) -> list[str]:
    options = ["--fd", str(door), "--ws", "websockets-sansio", "--no-access-log"]
    options += ["--timeout-graceful-shutdown", "5"]
    return [sys.executable, "-m", "uvicorn", "oms_site.asgi:application", *options]
