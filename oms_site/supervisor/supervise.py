"""The loop that starts the children in order, restarts a crashed one alone, and stops them all.

Called by `__main__`. Children are described by `processes`; nothing here knows what they do.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from oms_site.supervisor import data, logs, terminal
from oms_site.supervisor.data import Layout
from oms_site.supervisor.interrupts import Interrupts
from oms_site.supervisor.processes import Child, Step
from oms_site.supervisor.running import Running, stop_all
from oms_site.supervisor.terminal import CannotStart

PULSE = 0.25  # seconds between looks at the logs
FAILURES_AT_START = 6  # a child that crashes this often before the product was ready stops it


class StopWished(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM while the product was starting."""


class Supervisor:
    """Keeps children alive until told to stop."""

    def __init__(self, layout: Layout, interrupts: Interrupts) -> None:
        self.layout = layout
        self.interrupts = interrupts
        self.facts: dict[str, Any] = {
            "ready": False,
            "port": layout.port,
            "url": layout.url,
        }
        self.stages: list[list[Running]] = []
        self.starting = True
        self._followers: dict[str, logs.Follower] = {}
        self._written: dict[str, Any] = {}

    def start(self, children: Sequence[Child], *, within: float) -> None:
        """Start a stage of children, in order, and wait until each says it is ready.

        Raises `CannotStart` when one is not in time, `StopWished` when told to stop.
        """
        stage: list[Running] = []
        self.stages.append(stage)
        for child in children:
            log = self.layout.logs / f"{child.name}.log"
            logs.rotate(log)
            self._followers[child.name] = logs.Follower(log, echo=child.echo)
            stage.append(Running(child, log=log))
            began = time.monotonic()
            self._start_one(stage[-1])
            if child.ready is not None:
                self.wait_until(
                    lambda: stage[-1].ready,
                    within=within,
                    waiting_for=child.name,
                    log=log,
                )
                terminal.step(child.name, f"ready in {time.monotonic() - began:.1f} s")

    def perform(self, step: Step, *, within: float) -> None:
        """Run a command to its end while the children are kept alive.

        Raises `CannotStart` when it fails, `StopWished` when told to stop.
        """
        terminal.step(step.name, step.text)
        log = self.layout.logs / f"{step.name}.log"
        logs.rotate(log)
        one = Running(Child(step.name, step.argv, step.env, cwd=step.cwd), log=log)
        code: list[int] = []

        def done() -> bool:
            ended = one.ended()
            code.extend([] if ended is None else [ended])
            return bool(code)

        try:
            one.start()
            self.wait_until(done, within=within, waiting_for=step.name, log=log)
        finally:
            stop_all([one], hurry=lambda: True, pause=time.sleep)
        if code[0]:
            raise CannotStart(
                f"`{' '.join(step.argv[1:])}` failed ({describe_exit(code[0])}):\n"
                + quote_log(log, 15)
                + f"\n  What to do: read the lines above; all of them are in {log}"
            )

    def wait_until(
        self,
        condition: Callable[[], bool],
        *,
        within: float,
        waiting_for: str,
        log: object,
    ) -> None:
        """Keep the children alive until the condition holds."""
        deadline = time.monotonic() + within
        while not condition():
            self.pulse(0.03)
            if self.interrupts.stops_wished:
                raise StopWished
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{waiting_for} was not ready within {within:.0f} s.\n"
                    f"  What to do: see why in {log}; on a very slow machine, start again"
                )

    def watch(self) -> None:
        """Everything runs: keep it so until told to stop."""
        self.starting = False
        self.facts["ready"] = True
        while not self.interrupts.stops_wished:
            self.pulse(PULSE)

    def pulse(self, seconds: float) -> None:
        """Wait a little, then see to every child and tell `run.json` what changed."""
        self.interrupts.wait(min([seconds, *self._until_restarts()]))
        for one in self._all():
            self._see_to(one)
            for line in self._followers[one.child.name].news():
                terminal.warn(one.child.name, line[:400])
        self._write_facts()

    def stop(self) -> None:
        """Stop every child, the last stage first; a second wish to stop takes their time away."""
        asked = self.interrupts.stops_wished
        for stage in reversed(self.stages):
            stop_all(
                stage,
                hurry=lambda: self.interrupts.stops_wished > max(asked, 1),
                pause=self.interrupts.wait,
            )
        self.layout.run_file.unlink(missing_ok=True)

    def _all(self) -> list[Running]:
        return [one for stage in self.stages for one in stage]

    def _until_restarts(self) -> list[float]:
        now = time.monotonic()
        return [max(one.next_start_at - now, 0.0) for one in self._all() if not one.pid]

    def _start_one(self, one: Running) -> None:
        try:
            one.start()
        except OSError as error:
            self._plan_restart(one, f"could not be started: {error}")

    def _see_to(self, one: Running) -> None:
        code = one.ended()
        if code is not None:
            self._plan_restart(one, f"ended ({describe_exit(code)})")
        elif one.pid is None:
            if time.monotonic() >= one.next_start_at:
                self._start_one(one)
                terminal.step(one.child.name, f"started again (process {one.pid})")
        elif not one.ready:
            one.ready = one.child.ready is None or one.child.ready()

    def _plan_restart(self, one: Running, what: str) -> None:
        delay = one.plan_restart(now=time.monotonic())
        terminal.warn(one.child.name, f"{what}; starting it again in {delay:.2f} s")
        for line in logs.last_lines(one.log, 4):
            terminal.warn(one.child.name, f"  | {line[:400]}")
        if self.starting and one.failures >= FAILURES_AT_START:
            raise CannotStart(
                f"{one.child.name} does not stay up:\n{quote_log(one.log, 15)}\n"
                f"  What to do: read the lines above; all of them are in {one.log}"
            )

    def _write_facts(self) -> None:
        pids = {one.child.name: one.pid for one in self._all() if one.pid}
        now = {**self.facts, "pids": {"supervisor": os.getpid(), **pids}}
        if now != self._written:
            data.write_run_file(self.layout, now)
            self._written = now


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def quote_log(log: Path, count: int) -> str:
    """The last lines of a log, indented for the terminal."""
    return "\n".join(f"    | {line}" for line in logs.last_lines(log, count))
