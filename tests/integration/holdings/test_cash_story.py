"""Money from its deposit to the custodian's word, margin to the cent, any moment of the past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from allocations import holdings, margin
from allocations.holdings import past, views
from allocations.models import Account, MarginCall, MarginRate, Movement
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import lots
from orders.models import Execution
from tests import trading
from tests.client import Api
from tests.integration.allocations.outside import Outside
from tests.integration.holdings.test_profit_and_loss import market
from tests.integration.holdings.test_treasury import differences
from tests.integration.settlement import story
from tests.integration.settlement.conftest import outside

Apis = Callable[[str], Api]
D = trading.D
ACCOUNT = "alpha-002"
__all__ = ["outside"]  # a fixture


def deposit(amount: int, account: str = ACCOUNT) -> None:
    asked = {"kind": "deposit", "account_id": account, "amount": amount}
    assert Api("alpha_ops").post("/v1/transaction/", asked)[0] == 201


def told(account: str = ACCOUNT) -> dict[str, D]:
    """The balance as the API tells it."""
    _, body = Api("alpha_ops").get(f"/v1/balance/?account_id={account}")
    (one,) = body["balances"]
    names = ("traded", "settled", "reserved", "available")
    return {name: D(str(one[name])) for name in names}


def test_a_hundred_thousand_from_the_deposit_to_the_day_it_settles(outside: Outside) -> None:
    deposit(100_000)
    assert told() == {"traded": 100_000, "settled": 100_000, "reserved": 0, "available": 100_000}
    child = trading.routed(qty=D(100_000), limit_price=D("99.5"))
    # 100,000 par at no more than 99.50 may take 99,500.00 and 841.53 of interest: more than all.
    assert told() == {
        "traded": 100_000,
        "settled": 100_000,
        "reserved": D("100341.53"),
        "available": D("-341.53"),
    }
    trading.receive(trading.fill(child, 40_000, cum=40_000, last_px=D("99.0")))
    (first,) = Execution.objects.all()
    # 40,000 at 99.00 are 39,600.00 and interest, owed tomorrow; 60,000 may still take
    # 59,700.00 and 504.92 of interest.
    paid = D("39600.00") + first.accrued_interest
    assert first.net_money == paid
    assert told() == {
        "traded": 100_000 - paid,
        "settled": 100_000,
        "reserved": D("60204.92"),
        "available": 100_000 - paid - D("60204.92"),
    }
    trading.receive(trading.fill(child, 60_000, cum=100_000, last_px=D("99.5")))
    paid = sum((one.net_money for one in Execution.objects.all()), D(0))
    assert told()["reserved"] == 0
    story.book()
    story.turn()
    with story.on(11, 24):
        # Its day has come, and nobody has said that it settled.
        assert told()["settled"] == 100_000
        assert told()["available"] == 100_000 - paid
        story.turn()
        assert told() == {
            "traded": 100_000 - paid,
            "settled": 100_000 - paid,
            "reserved": 0,
            "available": 100_000 - paid,
        }
    assert differences() == []


def test_one_fill_is_one_update_in_the_order_the_position_the_cash_and_the_ledger(
    sandbox: datetime,
) -> None:
    child = trading.routed()
    before = Event.objects.order_by("-id")[0].id
    trading.receive(trading.fill(child, 3000, cum=3000))
    (movement,) = Movement.objects.all()
    fresh = {one.event_type: one for one in Event.objects.filter(id__gt=before).order_by("id")}
    assert {"execution", "holdings_move"} <= set(fresh)
    moved = fresh["holdings_move"]
    # One event of holdings names position, cash and movement under the movement's own update.
    for words in (movement.update_id, movement.id, "positions", "balances"):
        assert words in moved.body
    for table in ("movement", "position", "cashbalance", "taxlot"):
        assert table in moved.changes.lower()
    assert fresh["execution"].order_id == child.order_id


def test_holdings_at_any_moment_are_the_ledger_up_to_then(sandbox: datetime) -> None:
    """Six fills and a bust, one a minute: the past is asked for at and between all of them."""
    deposit(50_000)
    seen: dict[datetime, tuple[D, D, D]] = {}

    def look(minutes: int) -> tuple[D, D, D]:
        with clock.frozen_at(sandbox + timedelta(minutes=minutes)):
            held = sum(holdings.positions([ACCOUNT]).values(), D(0))
            shown = views.positions("alpha", [ACCOUNT], at=clock.now())
            cost = sum((one["cost"] for one in shown), D(0))
            return held, cost, holdings.cash([ACCOUNT])[ACCOUNT, "USD"].traded

    for n in range(1, 7):
        with clock.frozen_at(sandbox + timedelta(minutes=n)):
            side = "sell" if n % 3 == 0 else "buy"
            child = trading.routed(qty=D(1000 * n), side=side, limit_price=D(99))
            said = trading.fill(
                child, 1000 * n, cum=1000 * n, last_px=D(99), side="2" if n % 3 == 0 else "1"
            )
            trading.receive(said)
            if n == 5:
                story_bust = child.order_id
        seen[sandbox + timedelta(minutes=n)] = look(n)
    with clock.frozen_at(sandbox + timedelta(minutes=7)):
        story.bust(story_bust)
    seen[sandbox + timedelta(minutes=7)] = look(7)
    # Bought 1, 2, 4 and 5, sold 3 and 6 thousand; the 5 were taken back.
    assert [int(one[0]) for one in seen.values()] == [1000, 3000, 0, 4000, 9000, 3000, -2000]
    for moment, (qty, cost, money) in seen.items():
        for later in (timedelta(0), timedelta(seconds=59)):
            at = moment + later
            rows = [one for one in past.positions_at([ACCOUNT], at=at) if one.qty]
            assert sum((one.qty for one in rows), D(0)) == qty
            assert sum((one.cost for one in rows), D(0)) == cost
            ledger = Movement.objects.filter(account_id=ACCOUNT, at__lte=at)
            assert sum((one.qty for one in ledger), D(0)) == qty
            assert sum((one.cash for one in ledger), D(0)) == money
            (purse,) = views.balances("alpha", [ACCOUNT], as_of=at)
            assert purse["traded"] == money
    lots.drain()
    assert differences() == []


def test_margin_to_the_cent_and_a_call_for_what_is_missing(api: Apis, sandbox: datetime) -> None:
    """Half of what is held must be owned.

    10,000.00 paid in, 15,000 par bought at 99.00 for 14,850.00: 4,850.00 are owed. At 100.00 they
    are worth 15,000.00 and their interest; half of it is required. Interest bought is there again
    in the worth, so 10,000.00 and the market's 150.00 are owned: enough. At 60.00 the 15,000 are
    worth 9,000.00: 4,150.00 are owned where half of it, 4,500.00, is required: 350.00 are missing,
    and half of the interest, as interest is owned whole and required by half.
    """
    Account.objects.filter(id=ACCOUNT).update(margin=True)
    MarginRate.objects.create(organization_id="alpha", asset_class="corporate", percent=D(50))
    generation.check()
    market("99.00", sandbox)
    deposit(10_000)
    child = trading.routed(qty=D(15_000), limit_price=D("99"))
    trading.receive(trading.fill(child, 15_000, cum=15_000, last_px=D("99")))
    (fill,) = Execution.objects.all()
    interest = fill.accrued_interest
    market("100.00", sandbox)
    now = margin.standings("alpha", [ACCOUNT], at=clock.now())[ACCOUNT]
    assert now.equity == D("10150.00")
    assert now.requirement is not None
    assert abs(now.requirement - (D(15_000) + interest) / 2) <= D("0.005")
    margin.watch()
    assert not MarginCall.objects.exists()
    market("60.00", sandbox)
    margin.watch()
    call = MarginCall.objects.get()
    assert call.equity == D("4150.00")
    assert abs(call.requirement - (D(9000) + interest) / 2) <= D("0.005")
    (shown,) = api("alpha_trader").get("/v1/margin/")[1]["calls"]
    assert D(str(shown["shortfall"])) == call.requirement - call.equity
    # What is missing, paid in, meets it to the cent; a cent less does not.
    missing = call.requirement - call.equity
    pay = {"kind": "deposit", "account_id": ACCOUNT, "amount": float(missing - D("0.01"))}
    api("alpha_ops").post("/v1/transaction/", pay)
    margin.watch()
    assert MarginCall.objects.get().met_at is None
    api("alpha_ops").post("/v1/transaction/", {**pay, "amount": 0.01})
    margin.watch()
    assert MarginCall.objects.get().met_at is not None
    kinds = Event.objects.filter(event_type__startswith="margin").order_by("id")
    assert [one.event_type for one in kinds] == ["margin_call", "margin_call", "margin_met"]


@pytest.mark.parametrize("short", [False, True])
def test_twice_the_position_needs_twice_the_margin(sandbox: datetime, *, short: bool) -> None:
    Account.objects.filter(id=ACCOUNT).update(margin=True)
    MarginRate.objects.create(organization_id="alpha", asset_class="corporate", percent=D(50))
    generation.check()
    market("99.00", sandbox)
    found = []
    for _ in range(2):
        side = "sell" if short else "buy"
        child = trading.routed(qty=D(3000), side=side, limit_price=D(99))
        number = "2" if short else "1"
        trading.receive(trading.fill(child, 3000, cum=3000, last_px=D(99), side=number))
        now = margin.standings("alpha", [ACCOUNT], at=clock.now())[ACCOUNT]
        assert now.requirement is not None
        found.append(now.requirement)
    # 3,000 at 99.00 are 2,970.00 and interest: half of both, at least 1,485.00.
    assert found[0] >= D("1485.00")
    assert abs(found[1] - 2 * found[0]) <= D("0.01")
