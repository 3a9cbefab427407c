"""Holdings at any past moment: latency over millions of fills, against adding the fills up.

`make bench BENCH=holdings ARGS="--fills 2000000"`. The ledger is filled by SQL with rows as the
desk writes them; then one account after another is asked for at random moments, through the same
function that the API calls. The baseline sums the account's movements up to the same moment.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import report, stage
from tests.product import Product

P99_MS = 5.0
_FILL = """
INSERT INTO allocations_movement (id, organization_id, account_id, instrument_id, currency, kind,
    source_id, reverses, order_id, update_id, qty, price, principal, accrued_interest, fees,
    consideration, cash, trade_date, settlement_date, relief, at, sequence, qty_after, cost_after,
    realized_after, cash_sequence, cash_after, ratio_new, ratio_old, fx_source, elsewhere,
    pmp_source)
SELECT 'mv_bench_' || n, 'alpha', account_id, instrument_id, 'USD', 'trade', 'ex_bench_' || n, '',
    '', 'up_bench', qty, 100, qty, 0, 0, qty, -qty, at::date, at::date + 1, 'fifo', at,
    row_number() OVER position, sum(qty) OVER position, sum(qty) OVER position, 0,
    row_number() OVER purse, -sum(qty) OVER purse, 0, 0, '', false, ''
FROM (SELECT n, a.id account_id, i.id instrument_id, (1000 * (1 + n %% 9))::numeric qty,
        timestamptz '2026-01-02 14:30Z' + n * interval '1 second' * (20000000.0 / %(fills)s) AS at
    FROM generate_series(1, %(fills)s) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 k, count(*) OVER () c
        FROM allocations_account WHERE organization_id = 'alpha') a ON a.k = n %% a.c
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 k, count(*) OVER () c
        FROM venues_instrument) i ON i.k = (n / a.c) %% least(i.c, %(positions)s)) x
WINDOW position AS (PARTITION BY account_id, instrument_id ORDER BY n),
    purse AS (PARTITION BY account_id ORDER BY n)
"""
_POSITIONS = """
INSERT INTO allocations_position (id, organization_id, version, account_id, instrument_id, qty,
    cost, realized, accrued_interest, fees, sequence, moved_at)
SELECT 'po_bench_' || row_number() OVER (), 'alpha', 1, account_id, instrument_id, sum(qty),
    sum(qty), 0, 0, 0, count(*), max(at) FROM allocations_movement WHERE instrument_id IS NOT NULL
GROUP BY account_id, instrument_id
"""
_CASH = """
INSERT INTO allocations_cashbalance (id, organization_id, version, account_id, currency, amount,
    sequence, moved_at)
SELECT 'cb_bench_' || row_number() OVER (), 'alpha', 1, account_id, currency, sum(cash), count(*),
    max(at) FROM allocations_movement GROUP BY account_id, currency
"""
_NAIVE = """
SELECT account_id, instrument_id, sum(qty), sum(consideration) FROM allocations_movement
WHERE account_id = ANY(%s) AND at <= %s AND instrument_id IS NOT NULL
GROUP BY account_id, instrument_id ORDER BY account_id, instrument_id
"""


def fill(one: Product, *, fills: int, positions: int) -> float:
    """Write the ledger; returns how long that took, in seconds."""
    began = time.monotonic()
    with stage.connect(one) as link:
        # Of what is filled in here nothing ever happened: the database would refuse all of it.
        for table in ("movement", "position", "cashbalance"):
            link.execute(f"ALTER TABLE allocations_{table} DISABLE TRIGGER USER")
        link.execute(_FILL, {"fills": fills, "positions": positions})
        link.execute(_POSITIONS)
        link.execute(_CASH)
        link.execute("VACUUM ANALYZE allocations_movement, allocations_position")
    return time.monotonic() - began


def measure(ask: Callable[[str, datetime], Any], accounts: list[str], rounds: int) -> list[float]:
    """Latencies in milliseconds of asking for random accounts at random moments, sorted."""
    chance = random.Random(19)
    first = datetime.fromisoformat("2026-01-02T14:30:00+00:00")
    found = []
    for _ in range(rounds):
        account = chance.choice(accounts)
        moment = first + timedelta(seconds=chance.randrange(20_000_000))
        began = time.perf_counter()
        ask(account, moment)
        found.append((time.perf_counter() - began) * 1000)
    return sorted(found)


def at(latencies: list[float], share: float) -> float:
    """The latency that this share of the questions stayed below."""
    return latencies[min(int(len(latencies) * share), len(latencies) - 1)]


def compare(one: Product, options: argparse.Namespace) -> dict[str, Any]:
    """Both ways measured, after both have given the same answers."""
    os.environ |= {"DATABASE_URL": one.run["database_url"], "OMS_ENV": "sandbox"}
    os.environ.setdefault("OMS_SECRET_KEY", "only-for-reading-what-this-benchmark-wrote-itself")
    os.environ["DJANGO_SETTINGS_MODULE"] = "oms_site.settings"
    import django

    django.setup()
    from django.db import connection

    from allocations.holdings import past

    def ours(account: str, moment: datetime) -> list[tuple[Any, ...]]:
        held = past.positions_at([account], at=moment)
        return [(h.account_id, h.instrument_id, h.qty, h.cost) for h in held]

    def naive(account: str, moment: datetime) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(_NAIVE, [[account], moment])
            return list(cursor.fetchall())

    with stage.connect(one) as link:
        rows = link.execute("SELECT DISTINCT account_id FROM allocations_position").fetchall()
    accounts = sorted(str(row[0]) for row in rows)
    middle = datetime.fromisoformat("2026-05-01T15:00:00+00:00")
    assert ours(accounts[0], middle) == naive(accounts[0], middle)
    measure(ours, accounts, 50)
    return {
        "accounts": len(accounts),
        "ours": measure(ours, accounts, options.questions),
        "cash": measure(lambda a, t: past.cash_at([a], at=t), accounts, options.questions),
        "naive": measure(naive, accounts, max(options.questions // 10, 20)),
    }


def main() -> int:
    """Measure everything; exit code 1 when the bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=2_000_000)
    parser.add_argument("--positions", type=int, default=50, help="positions of each account")
    parser.add_argument("--questions", type=int, default=1_000)
    options = parser.parse_args()
    with stage.product() as one:
        seconds = fill(one, fills=options.fills, positions=options.positions)
        found = compare(one, options)
        from django.db import connections

        connections.close_all()
    figures: dict[str, Any] = {
        "fills": options.fills,
        "accounts": found["accounts"],
        "fill_seconds": round(seconds, 1),
    }
    for name in ("ours", "cash", "naive"):
        figures[f"{name}_ms"] = {
            label: round(at(found[name], share), 3)
            for label, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        }
    p99 = at(found["ours"], 0.99)
    met = p99 < P99_MS
    report.bars([(f"holdings at a moment, p99 below {P99_MS:.0f} ms", met, f"{p99:.2f} ms")])
    report.last_line(
        "holdings",
        ratios={"sum_of_fills": at(found["naive"], 0.5) / at(found["ours"], 0.5)},
        figures={**figures, "bars_met": met},
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
