"""The simulated venue's drop copy says of orders and trades what its reports have said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from tests.unit.venues.simulator_bench import CANCELED, Bench
from venues.simulator import admin
from venues.simulator.session import Session

D = Decimal
FAR = "1"  # a price at which it rests


def told(bench: Bench, *, most: int = 500) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Orders and trades, asked for page by page."""
    session = cast(Session, SimpleNamespace(exchange=bench.exchange))
    orders: list[dict[str, Any]] = []
    trades: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = cast(dict[str, Any], admin.told(session, admin.DropCopy(after=after, most=most)))
        orders, trades, after = orders + page["orders"], trades + page["trades"], page["next"]
    return orders, trades


def test_a_trade_has_the_moment_and_the_day_of_its_own_report() -> None:
    """Not of its order: a late fill comes a day after; 20:30 in New York is the next day in UTC."""
    for ordered, traded in (
        (datetime(2026, 11, 23, 15, 0, tzinfo=UTC), timedelta(days=1)),
        (datetime(2026, 11, 24, 1, 30, tzinfo=UTC), timedelta(0)),
    ):
        bench = Bench(now=ordered)
        bench.order(qty=1_000, px=FAR)
        bench.now += traded
        bench.exchange.fill_late("C1", bench.now, qty=D(400), px=D(99))
        (report,) = bench.reports()
        _, (trade,) = told(bench)
        assert trade["exec_id"] == report.exec_id
        assert trade["trade_date"] == report.trade_date
        assert trade["at"] == report.transact_time
    assert report.trade_date == date(2026, 11, 23)


def test_an_order_that_was_replaced_or_canceled_is_told_of_once_and_of_its_last_move() -> None:
    bench = Bench()
    bench.order(qty=1_000, px=FAR)
    bench.now += timedelta(minutes=5)
    bench.replace(2_000, FAR)
    bench.now += timedelta(minutes=5)
    bench.exchange.fill_late("R1", bench.now, qty=D(400), px=D(1))
    bench.status("R1")
    bench.reports()
    (order,), (trade,) = told(bench)
    assert (order["cl_ord_id"], order["cum_qty"], order["is_open"]) == ("R1", D(400), True)
    assert order["at"] == trade["at"] == bench.now
    assert trade["cl_ord_id"] == "R1"
    bench.now += timedelta(minutes=5)
    assert bench.cancel(orig="R1") == [CANCELED]
    (order,), _ = told(bench)
    assert (order["cl_ord_id"], order["is_open"], order["at"]) == ("R1", False, bench.now)


def test_nothing_slips_between_two_pages_when_a_trade_is_taken_back() -> None:
    bench = Bench()
    for _ in range(3):
        bench.order(qty=1_000, px=FAR)
    for n in (1, 2, 3):
        bench.exchange.fill_late(f"C{n}", bench.now, qty=D(1_000), px=D(1))
    first, *others = [report.exec_id for report in bench.reports()]
    session = cast(Session, SimpleNamespace(exchange=bench.exchange))
    page = cast(dict[str, Any], admin.told(session, admin.DropCopy(most=1)))
    assert [one["exec_id"] for one in page["trades"]] == [first]
    bench.exchange.bust(first, bench.now)
    heard = []
    while page["next"] is not None:
        asked = admin.DropCopy(after=page["next"], most=1)
        page = cast(dict[str, Any], admin.told(session, asked))
        heard += [one["exec_id"] for one in page["trades"]]
    assert heard == others
