"""Durable order intake: orders per second, latency, memory, and that nothing is lost or doubled.

`make bench BENCH=submit ARGS="--orders 200000"`. The product runs as its supervisor starts it. Its
rounds alternate with those of two baselines on the same PostgreSQL server: pgbench writing the same
rows one order per transaction, and a plain DRF ModelViewSet. Only ratios of one run mean much.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import baselines, load, report, stage
from tests.product import Product

CUSIP = "037833DP2"
CONNECTIONS = 64
PACE = 1_000.0
PACED = f"ours at {PACE:,.0f}/s"
PREFIX = "bench-orders-"
WEB_WORKERS = DESK_WORKERS = 2
# All controls look at it; it passes them and is staged, so that only intake is measured.
ORDER = {
    "account_id": "alpha-%(account)s",
    "instrument_id": CUSIP,
    "amount": {"par": "%(qty)d"},
    "type": "limit",
    "side": "buy",
    "limit_price": "%(price)s",
    "client_order_id": PREFIX + "%(n)s",
    "bypass_auto_execution": True,
}
STORED = """
SELECT right(o.client_order_id, 9), o.id, s.id IS NOT NULL AND o.status = 'pending_execution',
       (SELECT count(*) FROM journal_event e WHERE e.subject = o.id)
FROM orders_order o LEFT JOIN controls_screening s ON s.id = o.screening_id AND s.subject = o.id
WHERE o.client_order_id LIKE %s
"""
LATENCIES = ("p50", "p95", "p99", "max")
PROCESSES = ("web", "desk", "postgres", "sequencer")
COLUMNS = (
    *("path", "orders/s", "lowest", "highest"),
    *(f"{name} ms" for name in LATENCIES),
    *(f"cpu {name}" for name in PROCESSES),
    "load",
)
FAULTS = ("lost", "doubled", "not_screened", "without_both_events")
VIEWSET_ORDER = {
    "account": "alpha-%(account)s",
    "instrument": CUSIP,
    "order_qty": "%(qty)d",
    "ord_type": "limit",
    "side": "buy",
    "limit_price": "%(price)s",
    "client_order_id": PREFIX + "%(n)s",
    "bypass_auto_execution": True,
}


@dataclass
class Round:
    """One measurement of one path."""

    path: str
    per_second: float
    load_average: float
    latency_ms: dict[str, float] = field(default_factory=dict)
    # Processor time per order in microseconds, by process.
    cpu_us: dict[str, float] = field(default_factory=dict)


class Bench:
    """The product with everything a run needs, and what has been measured so far."""

    def __init__(self, product: Product, options: argparse.Namespace) -> None:
        self.product = product
        self.options = options
        self.same_rows = baselines.SameRows(product)
        self.acknowledged = product.directory / "acknowledged"
        self.sent = 0
        self.rounds: list[Round] = []

    def prepare(self) -> None:
        """All controls in force, a copy of the database for pgbench, one order as its model."""
        stage.activate_control(self.product, "duplicate-order")
        self.same_rows.clone()
        self.warm_up()
        with stage.connect(self.product) as link:
            row = link.execute(
                f"SELECT max(id) FROM orders_order WHERE client_order_id LIKE '{PREFIX}%'"
            ).fetchone()
        assert row is not None
        self.same_rows.learn(str(row[0]))

    def warm_up(self) -> None:
        """A second of load: caches filled, connections open, all answers as expected."""
        self.ours(seconds=1)
        with self.product.client() as client:
            _check_one(client)

    def ours(self, **how: Any) -> load.Report:
        """Send orders to the product."""
        plan = load.Plan(
            host="127.0.0.1",
            port=self.product.port,
            path="/v1/trading/order/",
            headers={"authorization": "Bearer oems_test_alpha_trader"},
            body=_template(ORDER),
            first=self.sent,
            acknowledged=str(self.acknowledged),
            **{"connections": CONNECTIONS, **how},
        )
        answer = load.run(plan)
        self.sent += answer.answered + answer.unanswered
        if set(answer.statuses) != {"201"}:
            log = (self.product.directory / "logs" / "web.log").read_text()[-4000:]
            raise AssertionError(f"not every order was accepted: {answer.statuses}\n{log}")
        return answer

    def round_of_ours(self, **how: Any) -> Round:
        """One round of the product with what it cost, begun with the sequencer at rest."""
        stage.settle(self.product)
        before, pressure = stage.cpu_seconds(self.product), stage.load_average()
        answer = self.ours(**how)
        orders = max(answer.answered, 1)
        after = stage.cpu_seconds(self.product)
        cost = {name: (after[name] - used) / orders * 1e6 for name, used in before.items()}
        return Round(
            "ours",
            answer.per_second,
            pressure,
            answer.latency_ms,
            {**cost, "generator": answer.cpu_us},
        )

    def round_of_pgbench(self) -> Round:
        """One round of pgbench."""
        stage.settle(self.product)
        pressure = stage.load_average()
        before = stage.cpu_seconds(self.product)["postgres"]
        rate = self.same_rows.run(self.options.seconds)
        used = stage.cpu_seconds(self.product)["postgres"] - before
        orders = max(rate * self.options.seconds, 1)
        return Round("pgbench", rate, pressure, cpu_us={"postgres": used / orders * 1e6})

    def round_of_viewset(self, port: int, connections: int, first: int) -> Round:
        """One round of the DRF baseline."""
        stage.settle(self.product)
        pressure = stage.load_average()
        answer = load.run(
            load.Plan(
                host="127.0.0.1",
                port=port,
                path="/orders/",
                headers={"authorization": f"Token {baselines.TOKEN}"},
                body=_template(VIEWSET_ORDER),
                connections=connections,
                first=first,
                seconds=self.options.seconds,
            )
        )
        assert set(answer.statuses) == {"201"}, answer.statuses
        name = f"drf_viewset c{connections}"
        return Round(name, answer.per_second, pressure, answer.latency_ms)

    def interleave(self) -> None:
        """The rounds of all paths, one after the other, several times."""
        workers = WEB_WORKERS
        with baselines.viewset(self.product, cusip=CUSIP, workers=workers) as port:
            for number in range(self.options.rounds):
                self._note(self.round_of_ours(seconds=self.options.seconds))
                self._note(self.round_of_pgbench())
                for n, connections in enumerate((16, CONNECTIONS)):
                    first = (2 * number + n) * 100_000
                    self._note(self.round_of_viewset(port, connections, first))
                self.paced()

    def paced(self) -> None:
        """Latency at a steady pace, each request counted from its scheduled time."""
        one = self.round_of_ours(seconds=2 * self.options.seconds, rate=PACE)
        one.path = PACED
        self._note(one)

    def long_run(self) -> dict[str, Any]:
        """Many orders, and the memory of web and desk before, on the way and after."""
        pids = [pid for kind in ("web", "desk") for pid in stage.pids_of(self.product, kind)]
        parts = 4
        share = self.options.orders // parts
        memory = [stage.rss_mb(pids)]
        for _ in range(parts):
            one = self.round_of_ours(seconds=600, orders=share)
            one.path = f"ours, {share:,} orders"
            self._note(one)
            memory.append(stage.rss_mb(pids))
        totals = [sum(one) for one in memory]
        return {
            "orders": share * parts,
            "rss_mb": [round(total, 1) for total in totals],
            # The first quarter fills caches and arenas; after that nothing may grow.
            "growth_mb": round(totals[-1] - totals[1], 1),
            "growth": totals[-1] / totals[1] - 1,
        }

    def verify(self) -> dict[str, int]:
        """Every acknowledged order is there once, under its id, with its evidence and events."""
        lines = self.acknowledged.read_text().splitlines()
        acknowledged = [(number, key) for number, key in (line.split() for line in lines)]
        with stage.connect(self.product) as link:
            rows = link.execute(STORED, [PREFIX + "%"]).fetchall()
        stored = {str(number): str(key) for number, key, _, _ in rows}
        return {
            "acknowledged": len(acknowledged),
            "stored": len(rows),
            "lost": sum(stored.get(number) != key for number, key in acknowledged),
            "doubled": len(rows) - len(stored) + len(acknowledged) - len(dict(acknowledged)),
            "not_screened": sum(not screened for _, _, screened, _ in rows),
            "without_both_events": sum(events != 2 for _, _, _, events in rows),
        }

    def _note(self, one: Round) -> None:
        self.rounds.append(one)
        rate, pressure = f"{one.per_second:,.0f}/s", f"load average {one.load_average:.1f}"
        print(f"  {one.path}: {rate}, {pressure}", flush=True)


def _template(order: dict[str, Any]) -> str:
    # Numbers are written without quotes, as a client writes them.
    text = json.dumps(order)
    return text.replace('"%(qty)d"', "%(qty)d").replace('"%(price)s"', "%(price)s")


def _check_one(client: httpx.Client) -> None:
    """The path that is measured is the real one: it refuses, and it answers twice the same."""
    template = _template(ORDER) % {"n": "x", "account": "002", "qty": 100_000, "price": "97.5"}
    order = {**json.loads(template), "client_order_id": "bench-probe"}
    first = client.post("/v1/trading/order/", json=order)
    again = client.post("/v1/trading/order/", json=order)
    assert (first.status_code, again.status_code) == (201, 200)
    twin = client.post("/v1/trading/order/", json={**order, "client_order_id": "bench-twin"})
    assert twin.json()["status"] == "pending_approval", "the duplicate-order control is not on"
    client.delete(f"/v1/trading/order/{twin.json()['id']}/")


def summarize(bench: Bench, memory: dict[str, Any], found: dict[str, int]) -> bool:
    """Print tables, bars and the last line. Returns whether all bars were met."""
    by_path: dict[str, list[Round]] = {}
    for one in bench.rounds:
        by_path.setdefault(one.path, []).append(one)
    rates = {path: report.middle(r.per_second for r in rows) for path, rows in by_path.items()}
    viewset = max(rates["drf_viewset c16"], rates[f"drf_viewset c{CONNECTIONS}"])
    ratios = {"pgbench": rates["ours"] / rates["pgbench"], "drf_viewset": rates["ours"] / viewset}
    report.table(
        f"Durable orders per second (medians of {bench.options.rounds} interleaved rounds of "
        f"{bench.options.seconds:.0f} s; cpu in us per order)",
        COLUMNS,
        [_row(path, rows) for path, rows in by_path.items()],
    )
    print(f"\n  memory of web and desk, MB: {memory['rss_mb']} over {memory['orders']:,} orders")
    print(f"  acknowledged and stored: {found}")
    whole = not any(found[fault] for fault in FAULTS)
    paced = {
        name: report.middle(one.latency_ms[name] for one in by_path[PACED]) for name in LATENCIES
    }
    p99 = paced["p99"]
    bars = [
        ("at least 0.3 x pgbench", ratios["pgbench"] >= 0.3, f"{ratios['pgbench']:.2f}"),
        ("at least 10 x DRF", ratios["drf_viewset"] >= 10, f"{ratios['drf_viewset']:.1f}"),
        (f"p99 below 20 ms at {PACE:,.0f}/s", p99 < 20, f"{p99:.1f} ms"),
        ("memory flat (below 5 %)", memory["growth"] < 0.05, f"{memory['growth']:+.1%}"),
        ("every acknowledged order stored once", whole, f"{found['lost']} lost"),
    ]
    report.bars(bars)
    figures = {
        "orders_per_second": {path: round(rate) for path, rate in rates.items()},
        "latency_ms": _rounded(by_path["ours"][-1].latency_ms),
        "paced_latency_ms": _rounded(paced),
        "paced_p99_ms": [round(one.latency_ms["p99"], 1) for one in by_path[PACED]],
        "cpu_us": _rounded(by_path["ours"][-1].cpu_us),
        "memory": memory,
        "verified": found,
        "bars_met": all(met for _, met, _ in bars),
    }
    report.last_line("submit", ratios=ratios, figures=figures)
    return bool(figures["bars_met"])


def _row(path: str, rounds: list[Round]) -> tuple[object, ...]:
    rates = [one.per_second for one in rounds]
    latency = [
        report.middle(one.latency_ms[name] for one in rounds) if rounds[0].latency_ms else "-"
        for name in LATENCIES
    ]
    cost = [
        report.middle(one.cpu_us[name] for one in rounds) if name in rounds[0].cpu_us else "-"
        for name in PROCESSES
    ]
    pressure = report.middle(one.load_average for one in rounds)
    return (path, report.middle(rates), min(rates), max(rates), *latency, *cost, pressure)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}


@contextmanager
def staged(options: argparse.Namespace) -> Iterator[Bench]:
    """The product, ready to be measured."""
    with stage.product(WEB_WORKERS=str(WEB_WORKERS), DESK_WORKERS=str(DESK_WORKERS)) as product:
        bench = Bench(product, options)
        bench.prepare()
        yield bench


def main() -> int:
    """Measure everything; exit code 1 when a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000, help="orders of the long run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="length of each round")
    options = parser.parse_args()
    with staged(options) as bench:
        bench.interleave()
        memory = bench.long_run()
        return 0 if summarize(bench, memory, bench.verify()) else 1


if __name__ == "__main__":
    sys.exit(main())
