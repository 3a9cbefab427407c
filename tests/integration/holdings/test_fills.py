"""Fills move holdings at once; splits move them on; busts take them back. Sums are shown."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from allocations import holdings
from allocations.models import Movement, Position, TaxLot
from oms_site.kit import clock
from orders import lots
from orders.models import Execution
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from venues import instruments
from venues.messages import ExecType, OrdStatus

D = Decimal
ACCOUNT = "alpha-002"
HOUSE = "suspense:alpha"


@pytest.fixture(autouse=True)
def _at_ten(sandbox: datetime) -> None:
    assert sandbox == clock.now()


def bond() -> int:
    found = instruments.find(trading.BOND)
    assert found is not None
    return found.id


def held(account: str = ACCOUNT) -> D:
    return holdings.positions([account]).get((account, bond()), D(0))


def row(account: str = ACCOUNT) -> Position:
    return Position.objects.get(account_id=account, instrument_id=bond())


def lots_sum(account: str = ACCOUNT) -> tuple[D, D]:
    found = TaxLot.objects.filter(position=row(account))
    return sum((o.open_qty for o in found), D(0)), sum((o.open_cost for o in found), D(0))


def test_a_fill_moves_position_lot_and_cash_in_its_own_transaction() -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000))
    (fill,) = Execution.objects.all()
    (movement,) = Movement.objects.all()
    assert (movement.source_id, movement.kind, movement.account_id) == (fill.id, "trade", ACCOUNT)
    assert held() == 1000
    # 1000 par at 99.4 is 994.00; no fees for this account.
    assert row().cost == D("994.00")
    assert lots_sum() == (D(1000), D("994.00"))
    money = holdings.cash([ACCOUNT])[ACCOUNT, "USD"]
    assert money.traded == -(D("994.00") + fill.accrued_interest)
    # T+1: nothing has changed hands today, and what is owed is not available.
    assert money.settled == 0
    # 2000 of 3000 are still open at 99.5, with their interest.
    assert money.reserved == D("1990.00") + D("16.83")
    assert money.available == money.traded - money.reserved


def test_a_trade_whose_day_has_come_is_owed_and_not_settled_before_its_custodian_says_so() -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    (fill,) = Execution.objects.all()
    money = holdings.cash([ACCOUNT], on=fill.settlement_date)[ACCOUNT, "USD"]
    assert (money.traded, money.settled) == (-fill.net_money, D(0))
    assert (money.reserved, money.available) == (D(0), -fill.net_money)


def test_the_same_report_twice_moves_holdings_once() -> None:
    child = trading.routed()
    said = trading.fill(child, 1000, cum=1000)
    trading.receive(said)
    trading.receive(said)
    assert held() == 1000
    assert Movement.objects.count() == 1


def test_many_fills_of_one_batch_are_one_event_and_one_update_id() -> None:
    child = trading.routed()
    trading.receive(*[trading.fill(child, 500, cum=500 * (n + 1)) for n in range(6)])
    assert held() == 3000
    assert Movement.objects.values("update_id").distinct().count() == 1
    assert row().version == 1
    assert list(Movement.objects.order_by("sequence").values_list("qty_after", flat=True)) == [
        500 * (n + 1) for n in range(6)
    ]


def bust(child: Any, fill: Any, **changes: Any) -> Any:
    terms = {"exec_type": ExecType.TRADE_CANCEL, "exec_ref_id": fill.exec_id, "cum": 0, "qty": 0}
    terms.update(changes)
    return trading.fill(child, terms.pop("qty"), ord_status=OrdStatus.PARTIALLY_FILLED, **terms)


def test_a_bust_takes_position_lot_and_cash_back() -> None:
    child = trading.routed()
    first = trading.fill(child, 1000, cum=1000)
    trading.receive(first)
    trading.receive(bust(child, first))
    assert held() == 0
    assert lots_sum() == (D(0), D("0.00"))
    assert holdings.cash([ACCOUNT])[ACCOUNT, "USD"].traded == 0
    kinds = Movement.objects.order_by("sequence").values_list("kind", flat=True)
    assert list(kinds) == ["trade", "bust"]


def test_a_correction_in_one_batch_with_its_fill_leaves_the_corrected_lot() -> None:
    child = trading.routed()
    first = trading.fill(child, 1000, cum=1000)
    trading.receive(
        first,
        bust(
            child,
            first,
            exec_type=ExecType.TRADE_CORRECT,
            qty=800,
            cum=800,
            last_px=D("99.2"),
        ),
    )
    assert held() == 800
    # 800 par at 99.2 is 793.60.
    assert lots_sum() == (D(800), D("793.60"))
    assert row().cost == D("793.60")


def block(**changes: Any) -> Any:
    return trading.routed(
        account_id=None,
        qty=D(4000),
        allocation=AllocationAsk(
            strategy="fifo_without_averaging",
            accounts=(
                AccountAsk(account_id="alpha-003", qty=D(3000)),
                AccountAsk(account_id="alpha-004", qty=D(1000)),
            ),
        ),
        **changes,
    )


def test_fills_of_a_block_lie_in_suspense_until_they_are_split() -> None:
    child = block()
    trading.receive(trading.fill(child, 4000, cum=4000))
    assert held(HOUSE) == 4000
    assert held("alpha-003") == 0
    lots.drain()
    assert held(HOUSE) == 0
    assert held("alpha-003") == 3000
    assert held("alpha-004") == 1000
    # 4000 at 99.4 is 3976.00: 2982.00 and 994.00, and suspense is left with nothing.
    assert (row("alpha-003").cost, row("alpha-004").cost) == (D("2982.00"), D("994.00"))
    assert row(HOUSE).cost == 0
    money = holdings.cash([HOUSE, "alpha-003", "alpha-004"])
    assert money[HOUSE, "USD"].traded == 0
    (fill,) = Execution.objects.all()
    assert sum(one.traded for one in money.values()) == -fill.net_money


def test_a_bust_under_a_split_block_shows_in_suspense() -> None:
    child = block()
    first = trading.fill(child, 4000, cum=4000)
    trading.receive(first)
    lots.drain()
    trading.receive(bust(child, first))
    # What the accounts were given is theirs until it is reversed; the firm as a whole has nothing.
    assert held(HOUSE) == -4000
    assert held(HOUSE) + held("alpha-003") + held("alpha-004") == 0
    lots.drain()
    assert held(HOUSE) == held("alpha-003") == held("alpha-004") == 0
    assert all(one.traded == 0 for one in holdings.cash([HOUSE, "alpha-003"]).values())


def test_a_sale_closes_the_first_lot_and_realizes_its_profit() -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000, last_px=D("99.0")))
    trading.receive(trading.fill(child, 2000, cum=3000, last_px=D("99.4")))
    sale = trading.routed(side="sell", qty=D(2000), limit_price=D("99.5"))
    trading.receive(trading.fill(sale, 2000, cum=2000, last_px=D("99.8"), side="2"))
    # Sold for 1996.00. First in: 1000 for 990.00 and 1000 of 2000 for 994.00: profit 12.00.
    assert row().realized == D("12.00")
    assert (row().qty, row().cost) == (D(1000), D("994.00"))
    assert lots_sum() == (D(1000), D("994.00"))
