"""The simulated exchange matches, answers requests and amends trades as a venue does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.venues.simulator_bench import (
    CANCELED,
    FILLED,
    NEW,
    PARTLY,
    PLAIN,
    SHARE,
    Bench,
    short,
    shorts,
)
from venues.messages import OrdStatus
from venues.simulator import matching
from venues.simulator.market import Level


def test_a_market_order_sweeps_the_book_and_the_rest_is_canceled() -> None:
    bench = Bench()
    levels = bench.market.levels(PLAIN, "1")
    depth = sum((level.size for level in levels), Decimal(0))
    reports = bench.order(px=None, qty=str(depth + 1_000_000))
    assert [r.last_px for r in reports[1:-1]] == [level.px for level in levels]
    assert short(reports[-1]) == CANCELED
    assert (reports[-1].cum_qty, reports[-1].leaves_qty) == (depth, Decimal(0))


def test_a_limit_order_trades_at_the_books_better_price_and_the_rest_waits_for_the_quote() -> None:
    bench = Bench()
    best, second = bench.market.levels(PLAIN, "1")[:2]
    reports = bench.order(px=str(best.px), qty=str(best.size + 1_000_000))
    assert shorts(reports) == [NEW, PARTLY]
    assert bench.wait(60) == []
    bench.market.move(PLAIN, -1)
    bench.exchange.quotes_moved(bench.now)
    (fill,) = bench.reports()
    assert (short(fill), fill.last_px) == (FILLED, 2 * best.px - second.px)


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({"exec_inst": "G"}, [NEW]),
        ({"time_in_force": "4"}, [NEW, CANCELED]),
        ({"time_in_force": "3"}, [NEW, PARTLY, CANCELED]),
        ({}, [NEW, PARTLY]),
    ],
)
def test_all_or_none_and_immediate_orders_keep_their_word(
    more: dict[str, Any], end: list[str]
) -> None:
    bench = Bench()
    best = bench.market.levels(PLAIN, "1")[0]
    assert shorts(bench.order(px=str(best.px), qty=str(best.size + 100), **more)) == end


def test_a_repeated_order_is_answered_with_its_state_and_never_entered_twice() -> None:
    bench = Bench()
    first = bench.order(px=None)
    (again,) = bench.order(px=None, cl_ord_id="C1")
    assert short(again) == "ORDER_STATUS FILLED"
    assert (again.order_id, again.cum_qty) == (first[0].order_id, first[-1].cum_qty)
    assert len(bench.exchange.register.orders) == 1


def test_an_unknown_order_is_answered_as_fix_asks() -> None:
    report = Bench().status("never")
    assert (short(report), report.order_id) == ("ORDER_STATUS REJECTED", "NONE")
    assert report.ord_rej_reason == 5


def test_an_unknown_security_is_rejected() -> None:
    (report,) = Bench().order("000000000")
    assert (short(report), report.ord_rej_reason) == ("REJECTED REJECTED", 1)


def test_cancels_are_refused_with_the_right_reason() -> None:
    bench = Bench()
    bench.order(px="90.5")
    bench.order(px=None)
    assert bench.cancel("X1", orig="never") == ["refused 1"]
    assert bench.cancel("X1") == ["refused 6"]
    assert bench.cancel("X2", orig="C2") == ["refused 0"]
    assert bench.cancel("X3") == [CANCELED]
    assert bench.cancel("X4") == ["refused 0"]


def test_a_replace_below_what_has_traded_ends_filled_at_that() -> None:
    bench = Bench()
    best = bench.market.levels(PLAIN, "1")[0]
    bench.order(px=str(best.px), qty=str(best.size + 100))
    assert bench.replace(100, str(best.px)) == ["REPLACED FILLED"]
    assert bench.status("R1").order_qty == best.size


def test_a_replace_to_a_marketable_price_trades() -> None:
    bench = Bench()
    bench.order(px="90.5")
    assert bench.replace(2_000, "101") == ["REPLACED NEW", FILLED]
    assert bench.status("C1").order_qty == 2_000


def test_a_replace_begins_the_fixed_life_of_its_new_price() -> None:
    bench = Bench()
    bench.order(px="99.01")
    assert bench.replace(1_000, "99.05") == ["REPLACED PARTIALLY_FILLED"]
    assert bench.wait(4.9) == []
    assert bench.wait(0.1) == [FILLED]
    assert Bench().replace(1_000, "99.02") == ["refused 1"]


def test_a_bust_takes_a_trade_back_and_reopens_a_filled_order() -> None:
    bench = Bench()
    fill = bench.order(px=None)[-1]
    bench.exchange.bust(fill.exec_id, bench.now)
    (report,) = bench.reports()
    assert (short(report), report.exec_ref_id) == ("TRADE_CANCEL NEW", fill.exec_id)
    assert (report.cum_qty, report.leaves_qty) == (Decimal(0), Decimal(1_000))
    with pytest.raises(ValueError, match="taken back"):
        bench.exchange.bust(report.exec_id, bench.now)


def test_a_correction_restates_quantity_and_average() -> None:
    bench = Bench()
    fill = bench.order(px=None)[-1]
    bench.exchange.correct(fill.exec_id, bench.now, qty=Decimal(400), px=Decimal(99))
    bench.exchange.correct(fill.exec_id, bench.now, qty=Decimal(600), px=Decimal(98))
    report = bench.reports()[-1]
    assert (report.cum_qty, report.avg_px, report.leaves_qty) == (
        Decimal(600),
        Decimal(98),
        Decimal(400),
    )


def test_a_late_fill_counts_on_a_canceled_order_without_reviving_it() -> None:
    bench = Bench()
    bench.order(px="90.5")
    bench.cancel()
    bench.exchange.fill_late("C1", bench.now, qty=Decimal(300), px=Decimal(91))
    (report,) = bench.reports()
    assert short(report) == "TRADE CANCELED"
    assert (report.cum_qty, report.leaves_qty) == (Decimal(300), Decimal(0))


def test_the_trade_date_is_new_yorks() -> None:
    bench = Bench(now=datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
    assert {r.trade_date.isoformat() for r in bench.order(px=None)} == {"2026-11-23"}


def test_shares_trade_in_cents() -> None:
    levels = Bench().market.levels(SHARE, "1")
    assert levels[0].px == Decimal("190.02")


_levels = st.lists(
    st.builds(
        Level,
        px=st.decimals(90, 110, places=5),
        size=st.integers(1, 5_000_000).map(Decimal),
    ),
    max_size=6,
).map(lambda levels: sorted(levels, key=lambda level: level.px))


@given(
    levels=_levels,
    limit=st.none() | st.decimals(90, 110, places=5),
    qty=st.integers(1, 20_000_000).map(Decimal),
    whole=st.booleans(),
)
def test_matching_takes_the_best_it_may_and_never_more(
    levels: list[Level], limit: Decimal | None, qty: Decimal, whole: bool
) -> None:
    fills = matching.match(side="1", limit=limit, qty=qty, levels=levels, whole=whole)
    within = [level for level in levels if limit is None or level.px <= limit]
    there = sum((level.size for level in within), Decimal(0))
    done = sum((fill.qty for fill in fills), Decimal(0))
    assert done == (0 if whole and there < qty else min(there, qty))
    assert [fill.px for fill in fills] == [level.px for level in within[: len(fills)]]
    assert all(0 < fill.qty <= level.size for fill, level in zip(fills, within, strict=False))


_orders = st.fixed_dictionaries(
    {
        "security_id": st.sampled_from([PLAIN, SHARE, "912810SX7", "912810SS8", "912810RX8"]),
        "side": st.sampled_from(["1", "2"]),
        "qty": st.integers(1, 200_000).map(lambda n: n * 100),
        "px": st.none() | st.integers(9_500, 10_500).map(lambda n: str(Decimal(n) / 100)),
        "time_in_force": st.sampled_from(["0", "3", "4"]),
        "exec_inst": st.sampled_from(["", "G"]),
    }
)


@given(orders=st.lists(_orders, max_size=8), waits=st.lists(st.integers(0, 70), max_size=4))
def test_every_report_adds_up(orders: list[dict[str, Any]], waits: list[int]) -> None:
    bench = Bench()
    reports = [r for order in orders for r in bench.order(**order)]
    for wait in waits:
        bench.now += timedelta(seconds=wait)
        bench.exchange.tick(bench.now)
        reports += bench.reports()
    assert [r.seq for r in reports] == list(range(1, len(reports) + 1))
    traded: dict[str, Decimal] = {}
    for r in reports:
        traded[r.order_id] = traded.get(r.order_id, Decimal(0)) + (r.last_qty or 0)
        assert r.cum_qty == traded[r.order_id] <= r.order_qty
        closed = r.ord_status in (OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED)
        assert r.leaves_qty == (0 if closed else r.order_qty - r.cum_qty)
        assert (r.ord_status is OrdStatus.FILLED) == (r.cum_qty == r.order_qty)


def test_only_a_smaller_quantity_at_the_same_price_keeps_its_place_in_the_queue() -> None:
    bench = Bench()
    for name in ("A", "B", "C"):
        bench.order(cl_ord_id=name, px="90", qty=1000)

    def queue() -> list[str]:
        (resting,) = (list(one.values()) for one in bench.exchange.register.live.values() if one)
        return [order.cl_ord_id for order in resting]

    bench.replace(500, "90", cl_ord_id="A2", orig="A")
    assert queue() == ["A2", "B", "C"]
    bench.replace(2000, "90", cl_ord_id="A3", orig="A2")
    assert queue() == ["B", "C", "A3"]
    bench.replace(1000, "90.5", cl_ord_id="B2", orig="B")
    assert queue() == ["C", "A3", "B2"]


def test_an_order_asked_about_by_an_old_id_is_told_of_by_its_present_one() -> None:
    bench = Bench()
    bench.order(cl_ord_id="A", px="90", qty=1000)
    bench.replace(2000, "90", cl_ord_id="A2", orig="A")
    said = bench.status("A")
    assert (said.cl_ord_id, said.orig_cl_ord_id, said.order_qty) == ("A2", "A", Decimal(2000))
    said = bench.status("A2")
    assert (said.cl_ord_id, said.orig_cl_ord_id) == ("A2", "")
