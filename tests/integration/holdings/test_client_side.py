"""What the client side owes its clients: mark-ups on confirms, wash sales on lots, trades that
others booked settled on their day, and a report on who gets the better prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from allocations import holdings
from allocations.holdings.documents import confirm
from allocations.models import BookingLeg, Movement, Position
from oms_site.kit import clock
from orders import desk, lots
from orders.desk.external import TradeReport
from orders.models import Execution
from orders.requests import AccountAsk, AllocationAsk, Instruction
from tests import trading
from tests.client import Api
from tests.integration.holdings.test_treasury import differences
from venues import market_data
from venues.models import ReferencePrice

Apis = Callable[[str], Api]
D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")
BLOCK = AllocationAsk(
    strategy="pro_rata_with_averaging",
    accounts=(
        AccountAsk(account_id="alpha-002", qty=D(2000)),
        AccountAsk(account_id="alpha-003", qty=D(1000)),
    ),
)


def market(price: str, at: datetime) -> None:
    """What the market stands at from now on."""
    ReferencePrice.objects.filter(instrument__cusip=trading.BOND).update(
        mid_px=D(price), source="SIMA", at=at
    )
    market_data.forget()


def told(movement: Movement) -> str:
    return confirm.of_movement("alpha", movement.id, kind="csv").decode()


# --- mark-ups --------------------------------------------------------------------------------
def test_a_confirm_shows_what_was_paid_beyond_the_market(sandbox: datetime) -> None:
    market("99.00", sandbox)
    child = trading.routed(account_id="alpha-fee")
    trading.receive(trading.fill(child, 3000, cum=3000))
    fill = Execution.objects.get()
    text = told(Movement.objects.get(kind="trade"))
    # 3000 at 99.40 are 2982.00, at the market's 99.00 they are 2970.00; fees come on top.
    more = D("12.00") + fill.fees
    assert fill.fees > 0
    assert "Prevailing market price,99" in text
    assert f'Prevailing market price from,"SIMA, {sandbox:%Y-%m-%d %H:%M:%S} UTC"' in text
    assert f'"Mark-up, fees included",{more:.2f} USD' in text
    percent = (more / D(2970) * 100).quantize(D("0.0001"))
    assert f"Mark-up in percent of the prevailing market price,{percent} %" in text


def test_a_sale_is_marked_down_by_what_it_brought_less(sandbox: datetime) -> None:
    market("100.00", sandbox)
    child = trading.routed(side="sell", limit_price=D(99))
    trading.receive(trading.fill(child, 3000, cum=3000, side="2"))
    text = told(Movement.objects.get(kind="trade"))
    # Sold at 99.40: 2982.00 where the market gives 3000.00, 18.00 less, 0.6 %.
    assert '"Mark-down, fees included",18.00 USD' in text
    assert "Mark-down in percent of the prevailing market price,0.6000 %" in text


def test_the_market_of_the_trade_counts_and_not_that_of_the_confirm(sandbox: datetime) -> None:
    market("99.00", sandbox)
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    before = told(Movement.objects.get())
    market("50.00", sandbox)
    assert told(Movement.objects.get()) == before


def test_a_trade_that_we_hear_of_late_has_no_market_that_we_knew(sandbox: datetime) -> None:
    market("99.00", sandbox)
    child = trading.routed()
    early = sandbox - timedelta(minutes=6)
    trading.receive(trading.fill(child, 3000, cum=3000, transact_time=early))
    text = told(Movement.objects.get())
    assert "Prevailing market price,not known at the time of the trade" in text
    assert "Mark-up" not in text


def test_a_share_of_a_block_has_the_market_of_its_fills(sandbox: datetime) -> None:
    order_id = trading.submit(account_id=None, allocation=BLOCK)
    child = trading.execute(order_id, 3000)
    market("99.00", sandbox)
    trading.receive(trading.fill(child, 1000, cum=1000))
    market("99.30", sandbox)
    trading.receive(trading.fill(child, 2000, cum=3000))
    lots.drain()
    text = told(Movement.objects.get(account_id="alpha-002", kind="allocation"))
    # (1000 x 99.00 + 2000 x 99.30) / 3000 = 99.20; 2000 at 99.40 are 4.00 above it.
    assert "Prevailing market price,99.2" in text
    assert '"Mark-up, fees included",4.00 USD' in text
    assert confirm.of_movement(
        "alpha", Movement.objects.get(account_id="alpha-003", kind="allocation").id, kind="pdf"
    ).startswith(b"%PDF-")


# --- wash sales ------------------------------------------------------------------------------
def trade(side: str, qty: int, price: str) -> None:
    child = trading.routed(side=side, qty=D(qty), limit_price=D(price))
    number = "1" if side == "buy" else "2"
    trading.receive(trading.fill(child, qty, cum=qty, last_px=D(price), side=number))


def test_a_lot_that_washes_a_loss_out_is_flagged(api: Apis, sandbox: datetime) -> None:
    trade("buy", 2000, "99.50")
    trade("sell", 2000, "99.00")
    trade("buy", 1000, "99.25")
    _, body = api("alpha_trader").get("/v1/tax-lot/?account_id=alpha-002")
    (lot,) = body["tax_lots"]
    # 2000 lost 0.50 % of par: 10.00; 1000 were bought again, so half of it does not count.
    assert (lot["wash_sale"], lot["disallowed_loss"]) == (True, 5.0)
    _, body = api("alpha_trader").get(
        f"/v1/tax-lot/?account_id=alpha-002&as_of={sandbox:%Y-%m-%dT%H:%M:%SZ}"
    )
    assert [one["wash_sale"] for one in body["tax_lots"]] == [True]


def test_a_lot_beside_a_gain_is_not(api: Apis) -> None:
    trade("buy", 2000, "99.00")
    trade("sell", 2000, "99.50")
    trade("buy", 1000, "99.25")
    _, body = api("alpha_trader").get("/v1/tax-lot/?account_id=alpha-002")
    assert [(one["wash_sale"], one["disallowed_loss"]) for one in body["tax_lots"]] == [(False, 0)]


# --- booked elsewhere ------------------------------------------------------------------------
def reported(order_id: str, qty: int, *, outside: bool) -> Execution:
    instruction = Instruction(protocol="external", strategy="external", qty=D(qty))
    by, at = trading.person(), clock.now()
    made = desk.execute(order_id, instruction, by=by, at=at, correlation_id="")
    assert made.row is not None
    report = TradeReport(qty=D(qty), price=D("99.4"), bypass_trade_booking=outside)
    done = desk.report_trade(order_id, made.row.id, report, by=by, at=at)
    assert done.error is None
    assert done.execution is not None
    lots.drain()
    return done.execution


def settled(account: str, days: int) -> tuple[D, D]:
    """Cash and securities that have changed hands so many days on."""
    day = (clock.now() + timedelta(days=days)).date()
    qty = holdings.settled_positions([account], on=day)
    money = holdings.cash([account], on=day)[account, "USD"]
    return money.settled, sum(qty.values(), D(0))


def test_what_was_booked_elsewhere_settles_on_its_day(sandbox: datetime) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    outside = reported(order_id, 1000, outside=True)
    inside = reported(order_id, 2000, outside=False)
    assert settled("alpha-002", 0) == (D(0), D(0))
    # Nobody has said that ours settled; theirs has, as nobody will say so.
    assert settled("alpha-002", 10) == (-outside.net_money, D(1000))
    assert inside.net_money != outside.net_money
    assert sorted(BookingLeg.objects.values_list("status", "qty"), key=lambda one: str(one[0])) == [
        ("elsewhere", D(1000)),
        ("queued", D(2000)),
    ]
    _, held = (None, Position.objects.get(account_id="alpha-002"))
    assert held.qty == 3000
    assert differences() == []


def test_what_a_block_had_booked_elsewhere_reaches_its_accounts(sandbox: datetime) -> None:
    order_id = trading.submit(account_id=None, allocation=BLOCK, bypass_auto_execution=True)
    reported(order_id, 3000, outside=True)
    assert holdings.positions([holdings.suspense("alpha")]) == {}
    assert sorted(holdings.positions(["alpha-002", "alpha-003"]).values()) == [1000, 2000]
    assert settled("alpha-003", 10)[1] == 1000
    assert differences() == []


def test_what_was_booked_elsewhere_is_seen_as_such(api: Apis, sandbox: datetime) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    reported(order_id, 3000, outside=True)
    leg = BookingLeg.objects.get()
    _, body = api("alpha_trader").get(f"/v1/trading/allocation/{leg.allocation_id}/")
    (account,) = body["account_allocations"]
    assert [one["status"] for one in account["bookings"]] == ["elsewhere"]


# --- who gets the better prices ---------------------------------------------------------------
def test_the_report_ranks_accounts_and_alerts_on_the_favored_one(
    api: Apis, sandbox: datetime
) -> None:
    """Six blocks, filled twice each: who comes first in them gets the cheap fill every time."""
    asked: dict[str, Any] = {
        "strategy": "fifo_without_averaging",
        "accounts": (
            AccountAsk(account_id="alpha-002", qty=D(1000)),
            AccountAsk(account_id="alpha-003", qty=D(1000)),
        ),
    }
    for _ in range(6):
        order_id = trading.submit(account_id=None, qty=D(2000), allocation=AllocationAsk(**asked))
        child = trading.execute(order_id, 2000)
        trading.receive(
            trading.fill(child, 1000, cum=1000, last_px=D("99.0")),
            trading.fill(child, 1000, cum=2000, last_px=D("99.4")),
        )
        lots.drain()
    status, body = api("alpha_auditor").get("/v1/surveillance/allocation/")
    assert status == 200
    best, worst = body["accounts"]
    # The average is 99.20: 0.20 better is 0.20 / 99.20 = 20.1613 basis points.
    assert (best["account_code"], best["blocks"]) == ("ALPHA-002", 6)
    assert (best["mean_advantage_bp"], worst["mean_advantage_bp"]) == (20.1613, -20.1613)
    assert (best["alert"], worst["alert"]) == (True, False)
    assert (best["deviations"], best["entered_after_the_trade"]) == (None, 0)
    assert api("alpha_trader").get("/v1/surveillance/allocation/")[0] == 403
    assert api("beta_auditor").get("/v1/surveillance/allocation/")[1]["accounts"] == []
    late = f"{sandbox + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    _, body = api("alpha_auditor").get(f"/v1/surveillance/allocation/?since={late}&until={late}")
    assert body["accounts"] == []
