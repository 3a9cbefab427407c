"""The kill switch over many live orders: how soon nothing new passes, and cancels are on their way.

`make bench BENCH=kill ARGS="--orders 10000"`. Orders are entered over the API and work at the
simulated venue; while others go on coming in, one person engages the switch of the organization.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import load, report, stage
from tests.product import Product, until
from venues.simulator import journal

GATE_MS, COMMITTED_MS, NEW_AFTER = 100.0, 1_000.0, 0
GRACE = timedelta(milliseconds=50)  # what was handed to the socket before may arrive after
VENUE, CUSIP = "SIMA", "912810RY6"  # the simulated venue lets orders in it hang
PREFIX = "bench-kill-"
ORDER = {
    "account_id": "alpha-%(account)s",
    "instrument_id": CUSIP,
    "amount": {"par": "%(qty)d"},
    "type": "limit",
    "side": "buy",
    "limit_price": "%(price)s",
    "client_order_id": PREFIX + "%(n)s",
}
LIVE = """
SELECT count(*) FROM orders_venueorder
WHERE status IN ('new', 'partially_filled') AND organization_id = 'alpha'
"""
UNASKED = """
SELECT count(*) FROM (SELECT 1 FROM orders_venueorder
WHERE status IN ('pending_new', 'new', 'partially_filled') AND pending = ''
    AND organization_id = 'alpha' LIMIT 1) one
"""
ASKED = "SELECT count(*) FROM orders_order WHERE cancel_requested_at IS NOT NULL"
ENGAGED = "SELECT recorded_at FROM journal_event WHERE event_type = 'trading_halt'"
JSON = {"content-type": "application/json"}
SWITCH, INTAKE = "/v1/kill-switch/", "/v1/trading/order/"
REQUEST = {"scope": "organization", "reason": "benchmark", "confirm": "organization"}


def fill(one: Product, *, orders: int) -> float:
    """Enter orders until so many work at the venue. Returns how long that took, in seconds."""
    began = time.monotonic()
    told = load.run(_plan(one, first=0, orders=orders, seconds=600.0))
    if told.answered != orders:
        raise RuntimeError(f"{told.answered} of {orders} orders were taken: {told.statuses}")
    with stage.connect(one) as link:
        until(lambda: _count(link, LIVE) >= orders, seconds=600, what="the venue to have them all")
    stage.settle(one, seconds=300)
    return time.monotonic() - began


def measure(one: Product, *, orders: int, rate: float, patience: float) -> dict[str, Any]:
    """Engage while new orders come in at a rate, and watch what becomes of everything."""
    with (
        stage.connect(one) as link,
        one.client("alpha_compliance") as person,
        one.client("alpha_trader") as trader,
    ):
        person.get(SWITCH).raise_for_status()
        trader.get(INTAKE).raise_for_status()
        others = _others(one, first=orders, rate=rate)
        body = _body(999_999_999)
        began = time.perf_counter()
        answer = person.post(SWITCH, json=REQUEST)
        engaged = _since(began)
        refused = trader.post(INTAKE, content=body, headers=JSON)
        closed = _since(began)
        answer.raise_for_status()
        if refused.json()["status"] != "rejected":
            raise RuntimeError(f"an order passed a closed gate: {refused.text}")
        # Looked at often: a tenth of the bar would be lost between two looks otherwise.
        until(
            lambda: not _count(link, UNASKED), seconds=patience, what="all to be asked", pause=0.01
        )
        committed = _since(began)
        if others is not None:
            load.finish(others)
        until(lambda: _is_flat(person), seconds=patience, what="the switch to be flat")
        flat = _since(began)
        (at,) = link.execute(ENGAGED).fetchone() or (None,)
        asked = _count(link, ASKED)
    assert isinstance(at, datetime)
    return {
        "live_orders": orders,
        "engage_ms": round(engaged, 1),
        "gate_closed_ms": round(closed, 1),
        "cancels_committed_ms": round(committed, 1),
        "orders_asked": asked,
        "new_wire_orders_after": new_at_venue(one, after=at + GRACE),
        "flat_s": round(flat / 1000, 2),
    }


def new_at_venue(one: Product, *, after: datetime) -> int:
    """How many new orders the venue took later than a moment, by its own journal."""
    found = waiting = 0
    for line in journal.path_of(one.outside, VENUE).read_bytes().splitlines():
        kind = msgspec.json.decode(line, type=_Line)
        if kind.msg == "D":
            waiting += 1
        elif kind.msg == "batch":
            assert kind.at is not None
            found += waiting if kind.at > after else 0
            waiting = 0
    return found


class _Line(msgspec.Struct):
    msg: str
    at: datetime | None = None


def _others(one: Product, *, first: int, rate: float) -> subprocess.Popen[bytes] | None:
    """Orders that keep coming in from before the switch until after it."""
    if not rate:
        return None
    running = load.start(_plan(one, first=first, orders=None, seconds=5.0, rate=rate))
    time.sleep(2.0)
    return running


def _plan(one: Product, **how: Any) -> load.Plan:
    return load.Plan(
        host="127.0.0.1",
        port=one.port,
        path=INTAKE,
        headers={"authorization": "Bearer oems_test_alpha_trader"},
        body=_TEMPLATE,
        **how,
    )


# Numbers are written without quotes, as a client writes them.
_TEMPLATE = json.dumps(ORDER).replace('"%(qty)d"', "%(qty)d").replace('"%(price)s"', "%(price)s")


def _body(n: int) -> str:
    return _TEMPLATE % {"n": f"{n:09d}", "account": "002", "qty": 100_000, "price": "97.000"}


def _count(link: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    row = link.execute(query).fetchone()
    assert row is not None
    return int(str(row[0]))


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _is_flat(person: httpx.Client) -> bool:
    (switch,) = person.get(SWITCH).json()["kill_switches"]
    return bool(switch["status"] == "confirmed_flat")


def main() -> int:
    """Measure everything; exit code 1 when a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=50.0, help="orders/s that keep coming in")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds until it is flat")
    options = parser.parse_args()
    with stage.product() as one:
        seconds = fill(one, orders=options.orders)
        found = measure(one, orders=options.orders, rate=options.rate, patience=options.patience)
    bars = {
        "gate_closed_ms": (found["gate_closed_ms"] <= GATE_MS, f"{GATE_MS:.0f} ms"),
        "cancels_committed_ms": (
            found["cancels_committed_ms"] <= COMMITTED_MS,
            f"{COMMITTED_MS:.0f} ms",
        ),
        "new_wire_orders_after": (found["new_wire_orders_after"] == 0, "0"),
    }
    report.table("The kill switch", ("figure", "measured"), [(k, v) for k, v in found.items()])
    report.bars(
        (f"{name} at most {bar}", met, str(found[name])) for name, (met, bar) in bars.items()
    )
    met = all(one for one, _ in bars.values())
    report.last_line(
        "kill",
        ratios={
            "gate_bar": found["gate_closed_ms"] / GATE_MS,
            "committed_bar": found["cancels_committed_ms"] / COMMITTED_MS,
        },
        figures={**found, "fill_seconds": round(seconds, 1), "bars_met": met},
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
