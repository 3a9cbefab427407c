"""Cost, profit made and profit not yet made, for each way of taking lots: the sums are shown.

Every trade goes the whole way: an order, a venue's fill, the ledger, the API.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from allocations.models import Account, Movement, Position
from oms_site.firm import generation
from tests import trading
from tests.client import Api
from tests.integration.holdings.test_treasury import differences
from venues import market_data
from venues.models import ReferencePrice

Apis = Callable[[str], Api]
D = trading.D
RELIEFS = ("fifo", "lifo", "hifo", "average", "specific")
BUY, SELL = "buy", "sell"


def account(relief: str) -> None:
    Account.objects.filter(id="alpha-002").update(lot_relief=relief)
    generation.check()


def market(price: str, at: datetime) -> None:
    ReferencePrice.objects.filter(instrument__cusip=trading.BOND).update(
        mid_px=D(price), source="SIMA", at=at
    )
    market_data.forget()


def trade(side: str, qty: int, price: str, **changes: Any) -> str:
    """A fill of so much at that price; the id of its movement."""
    child = trading.routed(side=side, qty=D(qty), limit_price=D(price), **changes)
    said = trading.fill(
        child, qty, cum=qty, last_px=D(price), side="1" if side == BUY else "2", order_qty=D(qty)
    )
    trading.receive(said)
    return str(Movement.objects.order_by("sequence").last().id)  # type: ignore[union-attr]  # one is made


def position(api: Apis) -> dict[str, D]:
    _, body = api("alpha_ops").get("/v1/position/?account_id=alpha-002")
    (one,) = body["positions"]
    names = ("amount", "cost", "realized", "unrealized", "market_value")
    return {name: D(str(one[name])) for name in names}


def open_lots(api: Apis) -> list[tuple[D, D]]:
    _, body = api("alpha_ops").get("/v1/tax-lot/?account_id=alpha-002")
    found = [(D(str(one["open_amount"])), D(str(one["open_cost"]))) for one in body["tax_lots"]]
    return sorted(found)


def three_buys() -> None:
    trade(BUY, 10_000, "98.00")  # lot 1:  9,800.00
    trade(BUY, 10_000, "101.00")  # lot 2: 10,100.00
    trade(BUY, 10_000, "99.50")  # lot 3:  9,950.00; together 30,000 for 29,850.00


def lots_by_price(api: Apis) -> dict[D, str]:
    """The open lots, by the price that was paid for them."""
    _, body = api("alpha_ops").get("/v1/tax-lot/?account_id=alpha-002")
    return {D(str(one["price"])): one["lot_id"] for one in body["tax_lots"]}


# Sold 15,000 at 100.00: 15,000.00 come in.
#   first in      lot 1 and half of 2: 9,800.00 + 5,050.00    = 14,850.00, earns  150.00
#   last in       lot 3 and half of 2: 9,950.00 + 5,050.00    = 15,000.00, earns    0.00
#   dearest       lot 2 and half of 3: 10,100.00 + 4,975.00   = 15,075.00, loses   75.00
#   average       half of everything:  29,850.00 / 2          = 14,925.00, earns   75.00
#   specific      3/4 of 1, 3/4 of 3:  7,350.00 + 7,462.50    = 14,812.50, earns  187.50
# At the market's 100.50 the 15,000 that are left are worth 15,075.00.
WORKED = {
    #            left          realized   unrealized  what is open of which lot
    "fifo": ("15000.00", "150.00", "75.00", [(5000, "5050.00"), (10_000, "9950.00")]),
    "lifo": ("14850.00", "0.00", "225.00", [(5000, "5050.00"), (10_000, "9800.00")]),
    "hifo": ("14775.00", "-75.00", "300.00", [(5000, "4975.00"), (10_000, "9800.00")]),
    "average": ("14925.00", "75.00", "150.00", [(15_000, "14925.00")]),
    "specific": (
        "15037.50",
        "187.50",
        "37.50",
        [(2500, "2450.00"), (2500, "2487.50"), (10_000, "10100.00")],
    ),
}


@pytest.mark.parametrize("relief", RELIEFS)
def test_each_relief_worked_out_by_hand(relief: str, api: Apis, sandbox: datetime) -> None:
    account(relief)
    market("100.00", sandbox)
    three_buys()
    # 30,000 at 100.00 are worth 30,000.00, for 29,850.00: 150.00 not yet earned, none earned.
    before = position(api)
    assert (before["cost"], before["realized"], before["unrealized"]) == (D(29850), D(0), D(150))
    bought = lots_by_price(api)
    sale = trade(SELL, 15_000, "100.00")
    if relief == "specific":
        # Until somebody says which, it is the first in; then lots 1 and 3, 7,500 of each.
        assert position(api)["realized"] == 150
        parts = [{"lot_id": bought[D(px)], "amount": 7500} for px in ("98", "99.5")]
        asked = {"movement_id": sale, "lots": parts}
        assert api("alpha_ops").post("/v1/tax-lot/", asked)[0] == 200
    market("100.50", sandbox)
    cost, realized, unrealized, lots = WORKED[relief]
    now = position(api)
    assert (now["amount"], now["market_value"]) == (D(15_000), D("15075.00"))
    assert (now["cost"], now["realized"], now["unrealized"]) == (
        D(cost),
        D(realized),
        D(unrealized),
    )
    assert open_lots(api) == [(D(qty), D(money)) for qty, money in lots]
    # Whichever lots are taken: 15,000.00 in, 15,075.00 left, 29,850.00 out is 225.00 in all.
    assert now["realized"] + now["unrealized"] == 225
    # Closing the rest at the mark moves what was not yet earned to what was.
    trade(SELL, 15_000, "100.50")
    _, body = api("alpha_ops").get("/v1/position/?account_id=alpha-002")
    assert [one["realized"] for one in body["positions"]] in ([225.0], [])
    assert differences() == []


def test_fees_belong_to_what_it_cost_and_take_from_what_it_brought(
    api: Apis, sandbox: datetime
) -> None:
    """Bought 10,000 at 99.00 for 9,900.00 and 25.00 commission; sold for 10,000.00 less 25.00.

    9,975.00 - 9,925.00 = 50.00, where the prices alone would say 100.00. Interest is no profit.
    """
    account("fifo")
    market("99.50", sandbox)
    fee = {
        "fee_schedule_id": "fs",
        "fee_schedule_asset_level_id": "fsal",
        "recipient_id": "firm",
        "fee_type": "commission",
        "fee_amount_type": "percentage_of_par",
        "fee_amount": "0.25",
        "max_fee_amount": None,
    }
    trade(BUY, 10_000, "99.00", fees=(fee,))
    # Worth 9,950.00 at 99.50: 25.00 more than it cost.
    now = position(api)
    assert (now["cost"], now["unrealized"]) == (D("9925.00"), D("25.00"))
    trade(SELL, 10_000, "100.00", fees=(fee,))
    assert Position.objects.get(account_id="alpha-002").realized == D("50.00")
    assert differences() == []


def test_a_short_earns_when_it_is_bought_back_for_less(api: Apis, sandbox: datetime) -> None:
    """Sold 10,000 at 100.00 and 10,000 at 98.00; bought 15,000 back at 99.00.

    First in: the 10,000 of 10,000.00 cost 9,900.00 and earn 100.00; 5,000 of 4,900.00 cost
    4,950.00 and lose 50.00. Still short are 5,000 sold for 4,900.00, at 97.00 worth 4,850.00.
    """
    account("fifo")
    market("99.00", sandbox)
    trade(SELL, 10_000, "100.00")
    trade(SELL, 10_000, "98.00")
    trade(BUY, 15_000, "99.00")
    market("97.00", sandbox)
    now = position(api)
    assert (now["amount"], now["cost"], now["realized"]) == (D(-5000), D("-4900.00"), D("50.00"))
    assert (now["market_value"], now["unrealized"]) == (D("-4850.00"), D("50.00"))
    assert open_lots(api) == [(D(-5000), D("-4900.00"))]
    assert differences() == []


# --- choosing lots ----------------------------------------------------------------------------
def choose(api: Apis, sale: str, *parts: tuple[str, float]) -> tuple[int, Any]:
    lots = [{"lot_id": lot_id, "amount": amount} for lot_id, amount in parts]
    return api("alpha_ops").post("/v1/tax-lot/", {"movement_id": sale, "lots": lots})


@pytest.fixture
def held(api: Apis, sandbox: datetime) -> dict[D, str]:
    """Three lots of 10,000, by price, of an account that chooses."""
    account("specific")
    market("100.00", sandbox)
    three_buys()
    return lots_by_price(api)


def refused(api: Apis, sale: str, code: str, *parts: tuple[str, float]) -> None:
    before = (position(api), open_lots(api))
    status, body = choose(api, sale, *parts)
    assert (status, body["code"]) == (422, code)
    assert (position(api), open_lots(api)) == before
    assert differences() == []


@pytest.mark.parametrize("amount", [0, -5000])
def test_nothing_or_less_than_nothing_of_a_lot_is_refused(
    api: Apis, held: dict[D, str], amount: float
) -> None:
    sale = trade(SELL, 15_000, "100.00")
    refused(api, sale, "not_positive", (held[D(101)], amount))


def test_a_lot_gives_no_more_than_it_has_however_often_it_is_named(
    api: Apis, held: dict[D, str]
) -> None:
    sale = trade(SELL, 15_000, "100.00")
    lot = held[D(101)]
    refused(api, sale, "too_much", (lot, 7500), (lot, 7500))
    # Twice 5,000 are all of it: 10,100.00, and 5,000 of the first in, 4,900.00; nothing is earned.
    assert choose(api, sale, (lot, 5000), (lot, 5000))[1]["realized"] == 0


def test_what_an_earlier_sale_has_taken_cannot_be_named_again(
    api: Apis, held: dict[D, str]
) -> None:
    first = trade(SELL, 10_000, "100.00")
    assert choose(api, first, (held[D(101)], 10_000))[0] == 200
    second = trade(SELL, 10_000, "100.00")
    refused(api, second, "too_much", (held[D(101)], 10_000))


def test_a_later_choice_takes_no_lot_away_from_another_one(api: Apis, held: dict[D, str]) -> None:
    first, second = (trade(SELL, 10_000, "100.00") for _ in range(2))
    assert choose(api, second, (held[D(101)], 10_000))[0] == 200
    # It was there when the first was sold, and has been promised to the second since.
    refused(api, first, "too_much", (held[D(101)], 10_000))
    # Another choice for the second makes room.
    assert choose(api, second, (held[D("99.5")], 10_000))[0] == 200
    # 10,100.00 and 9,950.00 went for 20,000.00: 50.00 lost.
    assert choose(api, first, (held[D(101)], 10_000))[1]["realized"] == -50
    assert differences() == []
