"""The simulated venue shows icebergs in parts, honors least quantities, and trades at the close."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.venues.simulator_bench import CANCELED, FILLED, NEW, PLAIN, Bench, short, shorts
from venues.messages import ExecType, ExecutionReport
from venues.simulator import depth

D = Decimal


def _resting(bench: Bench, *, away: int = 1, **more: Any) -> Any:
    """A buy just below the offers: it waits for the market to come."""
    offers = bench.market.levels(PLAIN, "1")
    tick = offers[1].px - offers[0].px
    reports = bench.order(px=str(offers[0].px - away * tick), **more)
    assert shorts(reports) == [NEW]
    return next(iter(bench.exchange.register.live[PLAIN].values()))


def _shown(bench: Bench) -> Decimal:
    rows = bench.exchange.register.live.get(PLAIN, {}).values()
    found = depth.entries(bench.market, PLAIN, rows)
    return sum((one.size for one in found if not one.entry_id.startswith("H")), D(0))


def test_an_iceberg_of_ten_pieces_never_shows_more_than_one_and_fills_whole() -> None:
    bench = Bench()
    order = _resting(bench, qty="10000", display_qty=D(1000))
    assert _shown(bench) == D(1000)
    bench.market.move(PLAIN, -1)
    bench.exchange.quotes_moved(bench.now)
    fills = bench.reports()
    assert [one.last_qty for one in fills] == [D(1000)] * 10
    assert (order.cum_qty, short(fills[-1])) == (D(10_000), FILLED)


def test_a_renewed_piece_goes_to_the_back_of_its_price() -> None:
    bench = Bench()
    iceberg = _resting(bench, qty="3000", display_qty=D(1000))
    bench.wait(5)
    other = _resting_second(bench)
    bench.wait(5)
    bench.exchange.fill_late(iceberg.cl_ord_id, bench.now, qty=D(400), px=iceberg.price)
    assert iceberg.shown_qty == D(600)
    assert _order_of(bench) == [iceberg.order_id, other.order_id]
    bench.exchange.fill_late(iceberg.cl_ord_id, bench.now, qty=D(600), px=iceberg.price)
    assert iceberg.shown_qty == D(1000)
    assert _order_of(bench) == [other.order_id, iceberg.order_id]


def _resting_second(bench: Bench) -> Any:
    before = set(bench.exchange.register.live[PLAIN])
    offers = bench.market.levels(PLAIN, "1")
    tick = offers[1].px - offers[0].px
    bench.order(px=str(offers[0].px - tick), qty="1000")
    (fresh,) = set(bench.exchange.register.live[PLAIN]) - before
    return bench.exchange.register.live[PLAIN][fresh]


def _order_of(bench: Bench) -> list[str]:
    rows = bench.exchange.register.live[PLAIN].values()
    found = depth.entries(bench.market, PLAIN, rows)
    return [one.entry_id for one in found if not one.entry_id.startswith("H")]


@given(
    pieces=st.integers(1, 12),
    size=st.integers(1, 5),
    trades=st.lists(st.integers(1, 30), max_size=20),
)
def test_what_is_shown_and_what_is_hidden_is_always_what_is_left(
    pieces: int, size: int, trades: list[int]
) -> None:
    bench = Bench()
    whole, display = pieces * size * 100 + 100, size * 100
    order = _resting(bench, qty=str(whole), display_qty=D(display))
    traded = D(0)
    for units in trades:
        qty = min(D(units * 100), order.leaves_qty)
        if qty == 0:
            break
        bench.exchange.fill_late(order.cl_ord_id, bench.now, qty=qty, px=order.price)
        traded += qty
        assert order.cum_qty == traded
        assert order.leaves_qty == whole - traded
        assert D(0) <= order.shown_qty <= min(D(display), order.leaves_qty)
        assert (order.shown_qty == 0) == (order.leaves_qty == 0)


def test_less_than_the_least_quantity_does_not_trade() -> None:
    bench = Bench()
    best = bench.market.levels(PLAIN, "1")[0]
    reports = bench.order(px=str(best.px), qty=str(best.size * 2), min_qty=best.size + 100)
    assert shorts(reports) == [NEW]
    reports = bench.order(px=str(best.px), qty=str(best.size * 2), min_qty=best.size)
    assert [one.last_qty for one in reports[1:]] == [best.size]


def test_a_market_order_that_is_all_or_none_waits_for_enough() -> None:
    bench = Bench()
    whole = sum((level.size for level in bench.market.levels(PLAIN, "1")), D(0)) + 100
    assert shorts(bench.order(px=None, qty=str(whole), exec_inst="G")) == [NEW]


def test_what_only_waits_is_refused_where_it_would_trade() -> None:
    bench = Bench()
    best = bench.market.levels(PLAIN, "1")[0]
    (reject,) = bench.order(px=str(best.px), qty="1000", exec_inst="6")
    assert (reject.exec_type, reject.text) == (ExecType.REJECTED, "post_only_would_cross")
    below = best.px - (bench.market.levels(PLAIN, "1")[1].px - best.px)
    assert shorts(bench.order(px=str(below), qty="1000", exec_inst="6")) == [NEW]


def _after(bench: Bench, seconds: float) -> list[ExecutionReport]:
    bench.now += timedelta(seconds=seconds)
    bench.exchange.tick(bench.now)
    return bench.reports()


def test_the_close_fills_at_its_price_and_the_rest_expires() -> None:
    bench = Bench()
    close = bench.now + timedelta(seconds=60)
    levels = bench.market.levels(PLAIN, "1")
    whole = sum((level.size for level in levels), D(0)) + 1000
    reports = bench.order(px=None, qty=str(whole), time_in_force="7", expire_time=close)
    assert shorts(reports) == [NEW]
    bench.exchange.quotes_moved(bench.now)
    assert bench.reports() == []
    fill, rest = _after(bench, 61)
    assert (fill.last_px, fill.last_qty) == (bench.market.reference(PLAIN), whole - 1000)
    assert (rest.exec_type, rest.cum_qty) == (ExecType.EXPIRED, whole - 1000)


def test_a_limit_beyond_the_closing_price_expires_unfilled() -> None:
    bench = Bench()
    close = bench.now + timedelta(seconds=60)
    px = bench.market.reference(PLAIN) - 1
    bench.order(px=str(px), qty="1000", time_in_force="7", expire_time=close)
    (rest,) = _after(bench, 61)
    assert (rest.exec_type, rest.cum_qty) == (ExecType.EXPIRED, D(0))
    late = bench.order(px=None, qty="1000", time_in_force="7", expire_time=close)
    assert late[0].exec_type is ExecType.REJECTED
    assert CANCELED not in shorts(late)
