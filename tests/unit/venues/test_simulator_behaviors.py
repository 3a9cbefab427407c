"""Securities and limit prices with a fixed outcome end as their table says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.unit.venues.simulator_bench import (
    CANCELED,
    EXPIRED,
    FILLED,
    NEW,
    PARTLY,
    PLAIN,
    START,
    Bench,
    short,
    shorts,
)
from venues.messages import ExecType, NewOrder, OrdStatus


def test_912810sx7_fills_after_one_second() -> None:
    bench = Bench()
    assert shorts(bench.order("912810SX7", px="101")) == [NEW]
    assert bench.wait(0.9) == []
    assert bench.wait(0.2) == [FILLED]


def test_912810su3_fills_after_a_minute() -> None:
    bench = Bench()
    assert shorts(bench.order("912810SU3", px="105")) == [NEW]
    assert bench.wait(59.9) == []
    bench.now += timedelta(seconds=1)
    bench.exchange.tick(bench.now)
    (fill,) = bench.reports()
    assert (short(fill), fill.last_px, fill.last_qty) == (FILLED, Decimal(101), Decimal(1_000))


def test_912810ss8_fills_in_two_halves() -> None:
    bench = Bench()
    assert shorts(bench.order("912810SS8", side="2", px="100")) == [NEW]
    assert bench.wait(60) == [PARTLY]
    assert bench.status().cum_qty == 500
    assert bench.wait(59) == []
    assert bench.wait(1) == [FILLED]


def test_912810ry6_hangs_until_it_expires_whatever_its_price() -> None:
    bench = Bench()
    end = START + timedelta(hours=1)
    assert shorts(bench.order("912810RY6", px="99.5", expire_time=end)) == [NEW]
    assert bench.replace(500, "101") == []
    assert bench.wait(3_599) == []
    assert bench.status().ord_status is OrdStatus.NEW
    assert bench.wait(1) == [EXPIRED]
    assert bench.wait(1) == []


def test_912810ry6_answers_a_cancel_even_behind_an_unanswered_replace() -> None:
    bench = Bench()
    bench.order("912810RY6")
    assert bench.replace(500, "101") == []
    assert bench.replace(400, "101", cl_ord_id="R2") == ["refused 3"]
    assert bench.cancel() == [CANCELED, "refused 0"]


def test_912810rx8_fills_half_and_hangs() -> None:
    bench = Bench()
    reports = bench.order("912810RX8", qty=3_100)
    assert shorts(reports) == [NEW, PARTLY]
    assert reports[1].last_qty == 1_500  # a whole number of increments of 100
    assert bench.wait(100_000) == []
    assert bench.cancel() == [CANCELED]


def test_912810uk2_is_canceled_by_the_venue() -> None:
    bench = Bench()
    assert shorts(bench.order("912810UK2")) == [NEW]
    assert bench.wait(1) == [CANCELED]
    assert bench.status().orig_cl_ord_id == ""


@pytest.mark.parametrize(
    ("security_id", "buys", "sells"),
    [
        ("880591DM1", CANCELED, CANCELED),
        ("38143C3G4", CANCELED, CANCELED),
        ("3130A6RM1", CANCELED, FILLED),
        ("931142DB6", CANCELED, FILLED),
        ("3130A2UW4", FILLED, CANCELED),
        ("38143CFG1", FILLED, CANCELED),
    ],
)
def test_one_sided_books_trade_on_their_side_only(security_id: str, buys: str, sells: str) -> None:
    for px in (None, "100.5"):
        bench = Bench()
        bought = bench.order(security_id, side="1", px=px and "101")
        sold = bench.order(security_id, side="2", px=px and "100")
        assert shorts(bought) == [NEW, buys]
        assert shorts(sold) == [NEW, sells]
        assert all(r.text for r in (*bought, *sold) if r.exec_type is ExecType.CANCELED)


@pytest.mark.parametrize(("px", "qty"), [("100.99", 1_000), ("101", 500_100)])
def test_a_fixed_book_cancels_what_is_off_its_quote_or_over_its_size(px: str, qty: int) -> None:
    bench = Bench()
    assert shorts(bench.order("912810SX7", px=px, qty=qty)) == [NEW, CANCELED]
    assert bench.wait(10) == []


def test_a_limit_ending_in_01_fills_half_and_rests() -> None:
    bench = Bench()
    assert shorts(bench.order(px="101.01")) == [NEW, PARTLY]
    bench.market.move(PLAIN, -10)
    bench.exchange.quotes_moved(bench.now)
    assert bench.reports() == []


def test_a_limit_ending_in_02_is_rejected() -> None:
    (report,) = Bench().order(px="99.02")
    assert (short(report), report.ord_rej_reason) == ("REJECTED REJECTED", 99)


def test_a_limit_ending_in_03_fills_while_the_cancel_is_in_flight() -> None:
    bench = Bench()
    assert shorts(bench.order(px="101.03")) == [NEW]
    assert bench.cancel() == [FILLED, "refused 0"]


def test_a_limit_ending_in_04_is_acknowledged_late_and_keeps_a_cancel_waiting() -> None:
    bench = Bench()
    assert bench.order(px="99.04") == []
    assert bench.status().ord_status is OrdStatus.PENDING_NEW
    assert bench.cancel() == []
    assert bench.cancel("X2") == ["refused 3"]
    assert bench.wait(1.9) == []
    assert bench.wait(0.1) == [NEW, CANCELED]


def test_a_limit_ending_in_05_fills_after_five_seconds_at_the_limit_or_better() -> None:
    bench = Bench()
    bench.order(px="98.05")
    bench.order(px="101.05")
    assert bench.wait(4.9) == []
    bench.now += timedelta(seconds=1)
    bench.exchange.tick(bench.now)
    below, through = bench.reports()
    assert below.last_px == Decimal("98.05")
    assert through.last_px == bench.market.levels(PLAIN, "1")[0].px


def test_a_limit_ending_in_06_sends_every_report_twice() -> None:
    bench = Bench()
    bench.order(px="99.06")
    bench.exchange.handle(
        NewOrder(
            cl_ord_id="D1",
            security_id=PLAIN,
            side="1",
            ord_type="2",
            order_qty=Decimal(100),
            price=Decimal("99.06"),
            transact_time=START,
        ),
        START,
    )
    assert [copies for _, copies in bench.exchange.take()] == [2, 2]


@pytest.mark.parametrize("px", ["99.5", "84.35", "99.015", "84.05", "98.50"])
def test_other_limits_mean_nothing_special(px: str) -> None:
    bench = Bench()
    assert shorts(bench.order(px=px)) == [NEW]  # 84.05 is too far from the reference
    assert bench.wait(60) == []
    assert bench.cancel() == [CANCELED]
