"""A cheap HTTP/1.1 load generator: keep-alive, no pipelining, one process per run.

Called by benchmarks through `run`, which starts this file as a process of its own, so that the
generator's work shows in no other figure. It checks every answer's status and remembers which
orders were acknowledged under which id. With a rate it is an open loop: a request is due at its
scheduled time whatever happened to those before it, and its latency counts from then.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import uvloop

TICK = 0.001  # seconds; the finest that the event loop's timers know
PATIENCE = 10.0  # seconds that answers may take after the end
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


class Plan(msgspec.Struct, kw_only=True):
    """What to send. `body` is filled in with `n`, `account`, `qty` and `price`.

    It ends after `seconds`, or after `orders` requests; `rate` (per second) makes it an open loop.
    """

    host: str
    port: int
    path: str
    headers: dict[str, str]
    body: str
    expect: int = 201
    connections: int = 64
    first: int = 0
    seconds: float = 10.0
    orders: int | None = None
    rate: float | None = None
    # Where to note the acknowledged orders, one line each: number and id.
    acknowledged: str = ""


class Report(msgspec.Struct, kw_only=True):
    """What came back. Latencies are milliseconds, `cpu_us` what one request cost the generator."""

    answered: int
    statuses: dict[str, int]
    unanswered: int
    seconds: float
    per_second: float
    latency_ms: dict[str, float]
    cpu_us: float


def run(plan: Plan) -> Report:
    """Carry out a plan in a process of its own. Raises when that process fails."""
    return finish(start(plan))


def start(plan: Plan) -> subprocess.Popen[bytes]:
    """Begin a plan and return at once; `finish` waits for its report."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(plan))
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[bytes]) -> Report:
    """Wait for a started plan and read its report."""
    assert process.stdout is not None
    with process.stdout as output:
        text = output.read()
    if process.wait():
        raise RuntimeError(f"the load generator ended with exit code {process.returncode}")
    return msgspec.json.decode(text, type=Report)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("answer", "due", "n", "run", "transport")

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.answer = b""
        self.n = -1
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, n: int, due: float) -> None:
        """Send request number `n`, whose latency counts from `due`."""
        self.n, self.due = n, due
        self.transport.write(self.run.request(n))

    def data_received(self, data: bytes) -> None:
        answer = self.answer = self.answer + data if self.answer else data
        end = answer.find(b"\r\n\r\n")
        if end < 0 or len(answer) < end + 4 + _length(answer[:end]):
            return
        self.answer = b""
        self.run.answered(self, answer[9:12], answer[end + 4 :])

    def connection_lost(self, error: Exception | None) -> None:
        self.run.lost(self)


class _Run:
    """One plan on its way: who is idle, what was answered."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.next = plan.first
        self.last = plan.first + plan.orders if plan.orders is not None else sys.maxsize
        self.idle: deque[_Connection] = deque()
        self.waiting: deque[tuple[int, float]] = deque()
        self.under_way = 0
        self.latencies = array("d")
        self.statuses: Counter[str] = Counter()
        self.acknowledged: list[tuple[int, bytes]] = []
        self.expected = str(plan.expect).encode()
        self.ends_at = 0.0
        self.done = asyncio.Event()
        fields = "".join(f"{name}: {value}\r\n" for name, value in plan.headers.items())
        length = len(self._body(plan.first))
        self.head = (
            f"POST {plan.path} HTTP/1.1\r\nhost: {plan.host}:{plan.port}\r\n{fields}"
            f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        ).encode()

    def request(self, n: int) -> bytes:
        """The bytes of request number `n`; every body is as long as the first."""
        return self.head + self._body(n)

    def _body(self, n: int) -> bytes:
        # No two of 4,500,000 orders ask for the same amount at the same price.
        values = {
            "n": f"{n:09d}",
            "account": f"{n % 19 + 2:03d}",
            "qty": 100_000 + 1_000 * (n % 900),
            "price": f"{97 + n // 900 % 5_000 / 1_000:.3f}",
        }
        return (self.plan.body % values).encode()

    async def carry_out(self) -> Report:
        loop = asyncio.get_running_loop()
        for _ in range(self.plan.connections):
            _, connection = await loop.create_connection(
                lambda: _Connection(self), self.plan.host, self.plan.port
            )
            self.idle.append(connection)
        used, began = _cpu_seconds(), time.perf_counter()
        self.ends_at = began + self.plan.seconds
        if self.plan.rate:
            await self._keep_pace(began, self.plan.rate)
        else:
            # Each once: a connection that finds nothing left to send is idle again.
            for _ in range(len(self.idle)):
                self._next_on(self.idle.popleft())
        try:
            await asyncio.wait_for(self._all_answered(), self.plan.seconds + PATIENCE)
        except TimeoutError:
            self.statuses["none"] += self.under_way + len(self.waiting)
        self._note_acknowledged()
        return self._report(time.perf_counter() - began, _cpu_seconds() - used)

    async def _keep_pace(self, began: float, rate: float) -> None:
        while self.next < self.last:
            due = began + (self.next - self.plan.first) / rate
            if due >= self.ends_at:
                return
            while due > time.perf_counter():
                await asyncio.sleep(TICK)
            if self.idle:
                self._send(self.idle.popleft(), due)
            else:
                self.waiting.append((self.next, due))
                self.next += 1

    async def _all_answered(self) -> None:
        if self.under_way or self.waiting:
            self.done.clear()
            await self.done.wait()

    def _next_on(self, connection: _Connection) -> None:
        if self.waiting:
            self.under_way += 1
            connection.ask(*self.waiting.popleft())
            return
        now = time.perf_counter()
        if self.plan.rate or self.next >= self.last or now >= self.ends_at:
            self.idle.append(connection)
            if not self.under_way:
                self.done.set()
            return
        self._send(connection, now)

    def _send(self, connection: _Connection, due: float) -> None:
        n, self.next = self.next, self.next + 1
        self.under_way += 1
        connection.ask(n, due)

    def answered(self, connection: _Connection, status: bytes, body: bytes) -> None:
        """One request has its whole answer."""
        self.latencies.append(time.perf_counter() - connection.due)
        self.under_way -= 1
        self.statuses[status.decode()] += 1
        if status == self.expected:
            # `{"id":"…"`: the id is the first text value of the answer.
            self.acknowledged.append((connection.n, body[: body.find(b",")]))
        self._next_on(connection)

    def lost(self, connection: _Connection) -> None:
        """A connection closed; what it had under way is unanswered."""
        if connection not in self.idle and not self.done.is_set():
            self.under_way -= 1
            self.statuses["lost"] += 1
            if not self.under_way:
                self.done.set()

    def _note_acknowledged(self) -> None:
        if self.plan.acknowledged:
            with Path(self.plan.acknowledged).open("ab") as file:
                file.writelines(
                    b"%09d %s\n" % (n, start.rpartition(b":")[2].strip(b' "}'))
                    for n, start in self.acknowledged
                )

    def _report(self, seconds: float, cpu: float) -> Report:
        answered = len(self.latencies)
        return Report(
            answered=answered,
            statuses=dict(self.statuses),
            unanswered=self.statuses["none"] + self.statuses["lost"],
            seconds=seconds,
            per_second=self.statuses[str(self.plan.expect)] / seconds,
            latency_ms=percentiles(self.latencies),
            cpu_us=cpu / max(answered, 1) * 1e6,
        )


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Nearest-rank percentiles and the maximum, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    last = len(ordered) - 1
    found = {name: ordered[round(share * last)] for name, share in PERCENTILES.items()}
    return {name: value * 1000 for name, value in {**found, "max": ordered[-1]}.items()}


def _length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Read a plan from standard input, carry it out, write its report to standard output."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(_Run(plan).carry_out())
    sys.stdout.buffer.write(msgspec.json.encode(report))
    sys.stdout.flush()
    os._exit(0)  # nothing is left to close, and the garbage of a long run takes seconds


if __name__ == "__main__":
    main()
