"""Execution reports applied per second, against an ORM loop and against pgbench writing the rows.

`make bench BENCH=reports`. Ours stores and applies batches of 100 as the gateway process does:
inbox, executions, trees, holdings, allocation, events. The ORM loop does the same arithmetic and
writes the same rows by `save()`, one transaction per report; pgbench writes the rows of one real
fill with 16 clients into a copy of the database. Rounds alternate on one fresh server. At last
2,000 reports a second are fed in, the first three seconds unmeasured as the first rounds are, and a
reader of the stream in a process of its own says when it saw each.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import fill_baselines, report, stage
from benchmarks.allocations import database
from benchmarks.fill_baselines import TEN, VENUE, SameFill
from tests.product import until

D = Decimal
BOND, LOT, PARTS = "912810TL2", D(1000), 900
# An order that sweeps levels of a book is filled several times in a row.
RUN, BATCH, PACE, STREAM_MS = 4, 100, 2_000, 50.0
WARMING = 3 * PACE
DAY = date(2026, 11, 23)
ROOT = Path(__file__).resolve().parents[1]


class Bench:
    """Working orders at a venue, and an endless supply of partial fills for them."""

    def __init__(self, orders: int, accounts: int) -> None:
        from django.conf import settings

        from allocations.models import Account
        from oms_site.firm import generation
        from orders.management.commands.seed_sandbox import seed
        from orders.reports.lanes import Lanes
        from venues.intake import Intake

        seed(TEN, years=(2026, 2027))
        house = Account.objects.get(id="alpha-002")
        names = [f"bench-{n:04d}" for n in range(accounts)]
        Account.objects.bulk_create(
            Account(
                id=name,
                organization_id="alpha",
                code=name.upper(),
                name=name,
                custodian_id=house.custodian_id,
                risk_group_id=house.risk_group_id,
            )
            for name in names
        )
        generation.check()
        self.lanes = Lanes(settings.REPORT_LANES)
        self._seq = itertools.count(1)
        self._intake = Intake(VENUE, self.lanes.apply)
        self.children = self._work(orders, names)
        self.cum = dict.fromkeys(self.children, D(0))
        self._turn = itertools.cycle(self.children)

    def _work(self, orders: int, names: list[str]) -> list[str]:
        """Orders as clients make them, routed and acknowledged; their ClOrdIDs."""
        from orders import desk, routing
        from orders.models import VenueOrder
        from tests import trading

        for first in range(0, orders, 100):
            asked = [
                trading.request(
                    instrument_id=BOND,
                    account_id=names[n % len(names)],
                    qty=LOT * PARTS,
                    limit_price=D(90) + D(n % 4000) / 1000,
                )
                for n in range(first, min(first + 100, orders))
            ]
            faults = [one.error for one in desk.submit(asked) if one.error]
            assert not faults, faults[0]
            while routing.drain():
                pass
        children = sorted(VenueOrder.objects.values_list("id", flat=True))
        assert len(children) == orders, f"{len(children)} of {orders} orders went to the venue"
        self.apply([self._report(child, "0", D(0), None) for child in children])
        return children

    def _report(self, child: str, kind: str, cum: Decimal, last: Decimal | None) -> tuple[int, str]:
        from venues import messages

        seq = next(self._seq)
        told = messages.ExecutionReport(
            seq=seq,
            exec_id=f"{VENUE}-{seq}",
            exec_type=messages.ExecType(kind),
            ord_status=messages.OrdStatus.PARTIALLY_FILLED if cum else messages.OrdStatus.NEW,
            order_id=f"O-{child}",
            cl_ord_id=child,
            security_id=BOND,
            side="1",
            order_qty=LOT * PARTS,
            cum_qty=cum,
            leaves_qty=LOT * PARTS - cum,
            transact_time=TEN,
            trade_date=DAY,
            last_qty=last,
            last_px=None if last is None else D("89.5"),
        )
        return seq, messages.encode(told).decode()

    def fills(self, count: int, *, run: int = RUN) -> list[tuple[int, str]]:
        """The venue's next fills, `run` in a row for each order: number and frame of each."""
        made = []
        turns = itertools.chain.from_iterable([child] * run for child in self._turn)
        for child in itertools.islice(turns, count):
            self.cum[child] += LOT
            assert self.cum[child] <= LOT * (PARTS - 1), "the orders are filled: more --orders"
            made.append(self._report(child, "F", self.cum[child], LOT))
        return made

    def apply(self, said: list[tuple[int, str]], *, batch: int = BATCH) -> float:
        """All of it, as the gateway process does; seconds until the last is committed."""
        began = time.perf_counter()
        for part in _cut(said, batch * self.lanes.count):
            self.give(part)
        self.lanes.settle(VENUE)
        return time.perf_counter() - began

    def give(self, said: list[tuple[int, str]]) -> None:
        """What came together: stored raw, then handed to the lanes."""
        from venues.inbox import Raw

        self._intake.take([Raw(seq, text) for seq, text in said], at=TEN)

    def orm(self, said: list[tuple[int, str]]) -> float:
        """The same rows by `save()`, one transaction for each report; seconds."""
        began = time.perf_counter()
        for seq, text in said:
            fill_baselines.by_orm(seq, text)
        return time.perf_counter() - began

    def verify(self) -> bool:
        """Every report moved its order, its account and the events once, whoever applied it."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(_SUMS)
            sums = set(cursor.fetchone())
            cursor.execute("SELECT count(*) FROM venues_inbound WHERE verdict <> 'applied'")
            odd = int(cursor.fetchone()[0])
        return sums == {sum(self.cum.values(), D(0))} and odd == 0


_SUMS = """
SELECT (SELECT sum(cum_qty) FROM orders_order), (SELECT sum(cum_qty) FROM orders_venueorder),
    (SELECT sum(qty) FROM orders_execution), (SELECT sum(qty) FROM allocations_position),
    (SELECT sum(qty) FROM allocations_movement), (SELECT sum(open_qty) FROM allocations_taxlot),
    (SELECT 1000 * count(*) FROM journal_event WHERE event_type = 'execution')
"""


def _cut(rows: list[Any], size: int) -> Iterator[list[Any]]:
    return (rows[n : n + size] for n in range(0, len(rows), size))


# --- the stream ------------------------------------------------------------------------------
class Stream:
    """The sequencer and one reader of the stream, each a process of its own."""

    def __init__(self, stack: contextlib.ExitStack, here: Any) -> None:
        self._stack = stack
        self._start([sys.executable, str(ROOT / "manage.py"), "run_sequencer"])
        with stage.connect(here) as link:

            def has_begun() -> bool:
                row = link.execute("SELECT max(event_id) FROM journal_feed").fetchone()
                return row is not None and row[0] is not None

            until(has_begun, seconds=30, what="the sequencer to begin")
        stage.settle(here)

    def measure(self, bench: Bench, count: int) -> list[float]:
        """Latency in ms of each report from its scheduled moment to the reader, sorted.

        What is fed in first warms caches and does not count.
        """
        said = bench.fills(WARMING + count)
        argv = [sys.executable, str(Path(__file__).resolve()), "--read", str(len(said))]
        reader = self._start(argv)
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"ready\n"
        due = self._feed(bench, said)
        seen = dict(line.split() for line in reader.stdout.read().decode().splitlines())
        names = [f"{VENUE}-{seq}" for seq, _ in said[WARMING:]]
        return sorted((float(seen[n]) - due[n]) * 1000 for n in names)

    def _feed(self, bench: Bench, said: list[tuple[int, str]]) -> dict[str, float]:
        """Give the product what has become due, as the gateway does; when each was due."""
        from venues.intake import BREATH_SECONDS

        began, done = time.monotonic() + 0.1, 0
        while done < len(said):
            ready = min(int((time.monotonic() - began) * PACE), len(said))
            if ready > done:
                bench.give(said[done:ready])
                done = ready
                time.sleep(BREATH_SECONDS)
            else:
                time.sleep(0.0005)
        return {f"{VENUE}-{seq}": began + n / PACE for n, (seq, _) in enumerate(said, start=1)}

    def _start(self, argv: list[str]) -> subprocess.Popen[bytes]:
        one = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE)

        def stop() -> None:
            one.terminate()
            one.wait(timeout=20)

        self._stack.callback(stop)
        return one


class _Event(msgspec.Struct):
    event_type: str
    venue_execution_id: str = ""


class _Told(msgspec.Struct):
    event: _Event


async def _read(count: int) -> None:
    """Say when each of so many executions was seen on the stream, as its sockets read it."""
    from oms_site.journal.hub import hub

    decoder = msgspec.json.Decoder(_Told)
    position, seen = await hub().last("alpha"), dict[str, float]()
    print("ready", flush=True)
    while len(seen) < count:
        await hub().wait("alpha", position, seconds=30)
        frames = await hub().after("alpha", position)
        at = time.monotonic()
        for frame in frames:
            event = decoder.decode(frame.body).event
            if event.event_type == "execution":
                seen[event.venue_execution_id] = at
            position = frame.position
    print("\n".join(f"{name} {at}" for name, at in seen.items()), flush=True)


# --- running ---------------------------------------------------------------------------------
def rounds(bench: Bench, same: SameFill, options: argparse.Namespace) -> dict[str, list[float]]:
    """Alternating rounds of all paths: reports per second."""
    rates: dict[str, list[float]] = {name: [] for name in ("ours", "singly", "orm", "pgbench")}
    for number in range(options.rounds + 1):
        gc.collect()
        gc.freeze()
        count = options.reports
        found = {
            "ours": count / bench.apply(bench.fills(count)),
            "singly": count / bench.apply(bench.fills(count, run=1)),
            "orm": count // 10 / bench.orm(bench.fills(count // 10)),
            "pgbench": same.run(options.seconds),
        }
        if number:  # the first round warms caches
            print("  " + ", ".join(f"{n} {r:,.0f}/s" for n, r in found.items()), flush=True)
            for name, rate in found.items():
                rates[name].append(rate)
    return rates


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything, on one fresh server."""
    from django.db import connection

    from oms_site import later
    from oms_site.firm import database as database_room
    from oms_site.firm import sandbox_clock

    later.silent = True
    # As the gateway process does, before its first connection.
    cast(Any, connection).close_pool()
    database_room.by_key()
    here = SimpleNamespace(
        run={"database_url": os.environ["DATABASE_URL"]},
        directory=Path(os.environ["OMS_DATA_DIR"]),
    )
    with contextlib.ExitStack() as stack:
        # Not frozen: other processes take part.
        sandbox_clock.set_to(TEN, reason="a benchmark")
        bench = Bench(options.orders, options.accounts)
        stack.callback(bench.lanes.close)
        bench.apply(bench.fills(2 * options.orders, run=1))
        bench.apply(bench.fills(1))  # alone in its batch: the model for pgbench
        same = SameFill(cast(Any, here))
        same.clone()
        same.learn("")
        rates = rounds(bench, same, options)
        same.drop()
        latency = Stream(stack, here).measure(bench, round(options.seconds * PACE))
        return {"rates": rates, "latency": latency, "whole": bench.verify()}


def tell(found: dict[str, Any], options: argparse.Namespace) -> bool:
    """Print the table, the bars and the last line. Returns whether all bars were met."""
    rates = {name: report.middle(each) for name, each in found["rates"].items()}
    ratios = {name: rates["ours"] / rates[name] for name in ("orm", "pgbench")}
    late = {
        f"p{share}": found["latency"][int(len(found["latency"]) * share / 100)]
        for share in (50, 95, 99)
    }
    report.table(
        f"Execution reports stored and applied durably, batches of {BATCH} "
        f"(medians of {options.rounds} interleaved rounds)",
        ("path", "reports/s", "us per report"),
        [(name, rate, 1e6 / rate) for name, rate in rates.items()],
    )
    carried = late["p99"] < STREAM_MS
    bars = [
        ("at least 20 x the ORM loop", ratios["orm"] >= 20, f"{ratios['orm']:.1f}"),
        ("at least 1 x pgbench", ratios["pgbench"] >= 1, f"{ratios['pgbench']:.2f}"),
        (f"report to stream, p99 below {STREAM_MS:.0f} ms at {PACE:,}/s", carried,
         f"{late['p99']:,.1f} ms"),
        ("every report applied once", found["whole"], str(found["whole"])),
    ]  # fmt: skip
    report.bars(bars)
    figures = {
        "reports_per_second": {name: round(rate) for name, rate in rates.items()},
        "stream_ms": {name: round(value, 1) for name, value in late.items()},
        "bars_met": all(met for _, met, _ in bars),
    }
    report.last_line("reports", ratios=ratios, figures=figures)
    return bool(figures["bars_met"])


def main() -> int:
    """Measure; exit code 1 when a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--reports", type=int, default=4_000, help="of ours in each round")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--read", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        import django

        django.setup()
        asyncio.run(_read(options.read))
        return 0
    with database():
        return 0 if tell(measure(options), options) else 1


if __name__ == "__main__":
    sys.exit(main())
