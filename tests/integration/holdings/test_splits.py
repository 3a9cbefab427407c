"""A trade from before a split is taken back with all that the split had made of it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocations import corporate_actions
from allocations.holdings import costing, suspense
from allocations.holdings.costing import Move
from allocations.models import AccountAllocation, Movement, Position
from oms_site.kit import clock
from orders import lots
from orders.books import holdings as books
from orders.books.verdicts import Run
from orders.models import Execution
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from tests.integration.holdings.test_treasury import differences
from venues.messages import ExecType
from venues.models import Instrument

D = Decimal
DAY = date(2026, 11, 23)
SHARE = "037833100"


@pytest.fixture
def share(sandbox: datetime) -> Instrument:
    return Instrument.objects.get(cusip=SHARE)


def bought(qty: int, **changes: Any) -> tuple[Any, Any]:
    """A filled order for shares; its venue order and the report of its trade."""
    terms: dict[str, Any] = {
        "instrument_id": SHARE,
        "amount_type": "shares",
        "qty": D(qty),
        "limit_price": D(232),
    }
    order_id = trading.submit(**{**terms, **changes})
    child = trading.execute(order_id, qty)
    fill = trading.fill(child, qty, cum=qty, last_px=D(231), security_id=SHARE)
    trading.receive(fill)
    lots.drain()
    return child, fill


def split(new: int, old: int) -> None:
    ask = corporate_actions.Ask(
        kind="split",
        instrument_id=SHARE,
        record_date=DAY,
        pay_date=DAY,
        ratio_new=new,
        ratio_old=old,
        reason="announced",
    )
    row = corporate_actions.announce(ask, by=trading.person("alpha_ops"), at=clock.now())
    corporate_actions.decide(
        row.id, apply_it=True, by=trading.person("alpha_compliance"), at=clock.now()
    )


def bust(child: Any, fill: Any) -> None:
    trading.receive(
        trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=fill.exec_id, security_id=SHARE)
    )
    lots.drain()


def held(account: str) -> D:
    return Position.objects.get(account_id=account).qty


def checks() -> list[Any]:
    one = Run(at=clock.now(), machine_at=clock.now())
    return [wrong for check in books.CHECKS for wrong in check.run(one).first]


def test_the_shares_that_a_split_made_go_with_their_trade(share: Instrument) -> None:
    child, fill = bought(100)
    split(2, 1)
    assert held("alpha-002") == 200
    bust(child, fill)
    # 100 were traded, 200 came of them: all 200 go.
    assert held("alpha-002") == 0
    row = Position.objects.get(account_id="alpha-002")
    assert (row.cost, row.realized) == (D(0), D(0))
    back = Movement.objects.get(kind="split", ratio_new=0)
    assert (back.qty, back.cash, back.source_id) == (
        D(-100),
        D(0),
        Execution.objects.get(kind="bust").id,
    )
    assert differences() == checks() == []


def test_the_other_trades_keep_what_the_split_made_of_them(share: Instrument) -> None:
    child, fill = bought(100)
    bought(51)
    split(3, 2)
    # 151 x 3 / 2 = 226.5
    assert held("alpha-002") == D("226.5")
    bought(10)
    bust(child, fill)
    # 51 x 3 / 2 + 10 = 86.5
    assert held("alpha-002") == D("86.5")
    assert differences() == []


def test_a_trade_after_the_split_is_taken_back_as_it_was(share: Instrument) -> None:
    bought(100)
    split(2, 1)
    child, fill = bought(30)
    bust(child, fill)
    assert held("alpha-002") == 200
    assert not Movement.objects.filter(kind="split", ratio_new=0).exists()
    assert differences() == []


def test_a_block_from_before_a_split_leaves_nothing_with_anybody(share: Instrument) -> None:
    block = AllocationAsk(
        strategy="pro_rata_with_averaging",
        accounts=(
            AccountAsk(account_id="alpha-003", qty=D(60)),
            AccountAsk(account_id="alpha-004", qty=D(40)),
        ),
    )
    child, fill = bought(100, account_id=None, allocation=block)
    got = AccountAllocation.objects.order_by("position").values_list("actual_qty", flat=True)
    assert list(got) == [60, 40]
    split(2, 1)
    assert (held("alpha-003"), held("alpha-004")) == (D(120), D(80))
    bust(child, fill)
    assert (held("alpha-003"), held("alpha-004")) == (D(0), D(0))
    assert held(suspense("alpha")) == 0
    assert differences() == []


def test_what_lay_in_suspense_at_the_split_is_taken_back_whole(share: Instrument) -> None:
    block = AllocationAsk(
        strategy="pro_rata_with_averaging",
        accounts=(AccountAsk(account_id="alpha-003", qty=D(100)),),
    )
    order_id = trading.submit(
        instrument_id=SHARE,
        amount_type="shares",
        qty=D(100),
        limit_price=D(232),
        account_id=None,
        allocation=block,
    )
    child = trading.execute(order_id, 100)
    fill = trading.fill(child, 40, cum=40, last_px=D(231), security_id=SHARE)
    trading.receive(fill)
    lots.drain()
    split(2, 1)
    assert held(suspense("alpha")) == 80
    bust(child, fill)
    assert held(suspense("alpha")) == 0
    assert differences() == []


# --- the arithmetic --------------------------------------------------------------------------
def _move(n: int, qty: D, **changes: Any) -> Move:
    values = {
        "id": f"mv_{n}",
        "source_id": f"s{n}",
        "sequence": n,
        "qty": qty,
        "consideration": qty * 10,
        "trade_date": DAY,
        **changes,
    }
    return Move(**values)


@settings(max_examples=200)
@given(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=6),
    st.integers(1, 9),
    st.integers(1, 9),
    st.data(),
)
def test_without_the_trade_it_is_as_if_it_had_never_been(
    buys: list[int], new: int, old: int, data: st.DataObject
) -> None:
    gone = data.draw(st.integers(0, len(buys) - 1))
    ratio = {"is_split": True, "ratio_new": new, "ratio_old": old, "consideration": D("0.00")}
    moves = [_move(n, D(qty)) for n, qty in enumerate(buys)]
    splits = _move(90, D(0), **ratio)
    back = _move(99, -moves[gone].qty, reverses=moves[gone].source_id)
    with_it = costing.fold([*moves, splits, back])
    never = costing.fold([*moves[:gone], *moves[gone + 1 :], splits])
    assert with_it == never
    assert never.qty == sum((lot.open_qty for lot in never.lots.values()), D(0))
