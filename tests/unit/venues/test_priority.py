"""Vectors of matching: price first, then time, or by size with a least share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues import catalog
from venues.messages import ExecType, ExecutionReport, NewOrder, Side
from venues.simulator import sweeping
from venues.simulator.exchange import Exchange
from venues.simulator.market import Market
from venues.simulator.priority import Rule, Standing, share
from venues.simulator.register import Register

D = Decimal
TIME = Rule()
AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
BOND = "912810TL2"


def rule(least: int = 0, increment: int = 1) -> Rule:
    return Rule(name="pro_rata", least=D(least), increment=D(increment))


def shares(qty: int, rule: Rule, *sizes: int | tuple[int, int]) -> dict[str, int]:
    standing = [
        Standing(chr(97 + n), D(one), D(0))
        if isinstance(one, int)
        else Standing(chr(97 + n), D(one[0]), D(one[1]))
        for n, one in enumerate(sizes)
    ]
    return {name: int(given) for name, given in share(D(qty), standing, rule).items()}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (shares(150, TIME, 100, 100, 100), {"a": 100, "b": 50}),
        (shares(500, TIME, 100, 100), {"a": 100, "b": 100}),
        # What is shown comes before what is hidden, whoever was first.
        (shares(150, TIME, (20, 180), 100), {"a": 50, "b": 100}),
        (shares(60, TIME, (20, 180), 100), {"a": 20, "b": 40}),
        (shares(100, rule(), 100, 300), {"a": 25, "b": 75}),
        # 10 each would be 3.33: whole units, and the rest to who was first.
        (shares(10, rule(), 100, 100, 100), {"a": 4, "b": 3, "c": 3}),
        (shares(1000, rule(increment=100), 500, 1000, 1000), {"a": 200, "b": 400, "c": 400}),
        (shares(1000, rule(increment=300), 500, 1000, 1000), {"a": 400, "b": 300, "c": 300}),
        # Shares of 10, 40 and 50 where the least is 20: the 10 go by time, to the first.
        (shares(100, rule(least=20), 400, 100, 500), {"a": 50, "c": 50}),
        (shares(100, rule(least=20), 100, 400, 500), {"a": 10, "b": 40, "c": 50}),
        # One that is smaller than the least share trades when all of it does.
        (shares(1000, rule(least=50), 10, 990), {"a": 10, "b": 990}),
        (shares(5, rule(least=10), 40, 60), {"a": 5}),
    ],
)
def test_a_vector(found: dict[str, int], expected: dict[str, int]) -> None:
    assert found == expected


@given(
    st.integers(1, 10_000),
    st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 2_000)), min_size=1, max_size=8),
    st.integers(0, 500),
    st.integers(1, 300),
    st.booleans(),
)
def test_all_there_is_goes_and_nobody_gets_more_than_he_has(
    qty: int, sizes: list[tuple[int, int]], least: int, increment: int, by_time: bool
) -> None:
    given_ = shares(qty, TIME if by_time else rule(least, increment), *sizes)
    has = {chr(97 + n): shown + hidden for n, (shown, hidden) in enumerate(sizes)}
    assert sum(given_.values()) == min(qty, sum(has.values()))
    assert all(0 < part <= has[name] for name, part in given_.items())


def _exchange(*orders: tuple[str, Side, int, str]) -> Exchange:
    exchange = Exchange(Register("FIXSIM"), Market(catalog.listings(), seed="FIXSIM"))
    for n, (name, side, qty, px) in enumerate(orders):
        at = AT + timedelta(seconds=n)
        exchange.handle(
            NewOrder(
                cl_ord_id=name,
                security_id=BOND,
                side=side,
                ord_type="2",
                order_qty=D(qty),
                price=D(px),
                transact_time=at,
            ),
            at,
        )
    exchange.take()
    return exchange


def _trades(exchange: Exchange) -> list[tuple[str, int, str]]:
    return [
        (one.cl_ord_id, int(one.last_qty or 0), str(one.last_px))
        for one, _ in exchange.take()
        if isinstance(one, ExecutionReport) and one.exec_type is ExecType.TRADE
    ]


def _sweep(exchange: Exchange, qty: int, px: str, by: Rule) -> Decimal:
    at = AT + timedelta(minutes=1)
    return sweeping.sweep(exchange, BOND, side="2", qty=D(qty), px=D(px), rule=by, at=at)


def test_the_better_price_trades_first_whoever_came_first() -> None:
    exchange = _exchange(("a", "1", 5000, "20"), ("b", "1", 5000, "21"), ("c", "1", 5000, "20"))
    assert _sweep(exchange, 8000, "20", TIME) == 8000
    assert _trades(exchange) == [("b", 5000, "21"), ("a", 3000, "20")]


def test_a_venue_that_shares_gives_each_at_the_price_its_part() -> None:
    exchange = _exchange(("a", "1", 20_000, "20"), ("b", "1", 60_000, "20"))
    assert _sweep(exchange, 40_000, "20", sweeping.RULES["FIXSIM"]) == 40_000
    assert _trades(exchange) == [("a", 10_000, "20"), ("b", 30_000, "20")]


def test_what_asks_for_a_better_price_is_left_alone() -> None:
    exchange = _exchange(("a", "1", 5000, "20"))
    assert _sweep(exchange, 8000, "20.5", TIME) == 0
    assert _trades(exchange) == []
