"""Statements and confirms as clients get them: every figure worked out, the same bytes for ever."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from allocations.holdings import views
from allocations.holdings.documents import confirm, statement
from allocations.models import Movement
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.kit import clock, numbers
from orders import lots
from orders.models import Execution
from tests import trading
from tests.client import Api
from tests.integration.holdings.test_client_side import BLOCK
from tests.integration.holdings.test_profit_and_loss import BUY, SELL, market, trade
from venues import market_data
from venues.models import Instrument

D = trading.D
ACCOUNT = "alpha-002"


@pytest.fixture
def traded(sandbox: datetime) -> list[Movement]:
    """1,000.00 paid in; 10,000 bought at 98.00 and 4,000 of them sold at 99.00."""
    market("98.50", sandbox)
    asked = {"kind": "deposit", "account_id": ACCOUNT, "amount": 20_000}
    assert Api("alpha_ops").post("/v1/transaction/", asked)[0] == 201
    trade(BUY, 10_000, "98.00")
    trade(SELL, 4000, "99.00")
    return list(Movement.objects.filter(account_id=ACCOUNT).order_by("cash_sequence"))


def sections(content: bytes) -> dict[str, list[dict[str, str]]]:
    """The tables of a statement by their titles; its heading is left out."""
    found: dict[str, list[dict[str, str]]] = {}
    blocks = content.decode().split("\r\n\r\n")
    for block in blocks[1:]:
        title, names, *rows = csv.reader(io.StringIO(block))
        found[title[0]] = [dict(zip(names, row, strict=True)) for row in rows]
    return found


def page(name: str = "alpha_trader") -> Client:
    browser = Client()
    browser.force_login(User.objects.get(username=name))
    return browser


def of_now(kind: str = "csv", as_of: datetime | None = None) -> bytes:
    at = as_of or clock.now()
    return statement.of_account("alpha", ACCOUNT, at=at, as_of=as_of, kind=kind)


def test_a_statement_shows_position_cash_lot_and_every_movement(traded: list[Movement]) -> None:
    deposit, bought, sold = traded
    told = sections(of_now())
    (position,) = told["Positions"]
    # 6,000 of 10,000 are left: 6 / 10 of 9,800.00 is 5,880.00; at 98.50 they are worth 5,910.00.
    # 4,000 brought 3,960.00 and had cost 3,920.00.
    shown = ("Quantity", "Average", "Price", "Cost", "Value", "Unrealized", "Realized")
    assert [position[name] for name in shown] == [
        *("6000", "98", "98.5", "5880.00", "5910.00", "30.00", "40.00"),
    ]
    (cash,) = told["Cash"]
    # 20,000.00 in; 9,800.00 and interest out; 3,960.00 and interest in; nothing settles today.
    traded_cash = D(20_000) - 9800 - bought.accrued_interest + 3960 - sold.accrued_interest
    assert bought.accrued_interest > 0 > sold.accrued_interest
    assert (cash["Currency"], cash["Traded"], cash["Settled"]) == (
        "USD",
        f"{traded_cash:.2f}",
        "20000.00",
    )
    (lot,) = told["Open tax lots"]
    assert (lot["Open"], lot["Of"], lot["Price"], lot["Open cost"]) == (
        *("6000", "10000", "98", "5880.00"),
    )
    lines = told["Movements"]
    assert sorted((one["Kind"], one["Quantity"], one["Cash"]) for one in lines) == [
        ("deposit", "", "20000.00"),
        ("trade", "-4000", f"{sold.cash:.2f}"),
        ("trade", "10000", f"{bought.cash:.2f}"),
    ]
    # The movements are the cash: what came and went adds up to what is there.
    assert (
        sum(D(one["Cash"]) for one in lines)
        == traded_cash
        == deposit.cash + D(bought.cash + sold.cash)
    )


@pytest.mark.parametrize("kind", ["csv", "pdf"])
def test_a_statement_of_the_past_is_the_same_bytes_whatever_happened_since(
    traded: list[Movement], sandbox: datetime, kind: str
) -> None:
    with clock.frozen_at(sandbox + timedelta(hours=1)):
        then = of_now(kind, sandbox)
        market("90.00", clock.now())
        trade(BUY, 5000, "90.00")
        market_data.forget()
        assert of_now(kind, sandbox) == then
        assert of_now(kind) != then
        # Over HTTP it is the same paper.
        answer = page().get(
            f"/holdings/ALPHA-002/statement.{kind}", {"as_of": "2026-11-23T10:00:00"}
        )
        assert (answer.status_code, answer.content) == (200, then)
        assert f"statement-alpha-002.{kind}" in answer["Content-Disposition"]


def test_more_movements_than_a_statement_shows_are_said_to_be_missing(
    traded: list[Movement], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Movements" in sections(of_now())
    monkeypatch.setattr(statement, "MOST_MOVEMENTS", 2)
    told = sections(of_now())
    assert len(told["Movements, the latest 2 of 3"]) == 2
    assert len(views.movements([ACCOUNT], limit=10)) == 3


def test_the_confirm_of_a_sale_adds_up_and_is_the_same_on_both_papers(
    traded: list[Movement],
) -> None:
    _, _, sold = traded
    browser = page()
    text = browser.get(f"/holdings/confirm/{sold.id}.csv").content.decode()
    told = dict(row[:2] for row in csv.reader(io.StringIO(text)) if len(row) == 2)
    interest = -sold.accrued_interest
    assert (told["Sold"], told["Price"], told["Principal"]) == ("4000", "99", "3960.00 USD")
    assert told["Accrued interest"] == f"{interest:.2f} USD"
    assert told["Fees"] == "0.00 USD"
    # 3,960.00 and the interest, less no fees.
    assert told["You receive"] == f"{D(3960) + interest:.2f} USD"
    assert (told["Trade date"], told["Settlement date"]) == ("2026-11-23", "2026-11-24")
    first, again = (browser.get(f"/holdings/confirm/{sold.id}.pdf").content for _ in range(2))
    assert first == again
    assert first.startswith(b"%PDF-")


def test_the_confirm_of_a_bust_says_what_it_takes_back(traded: list[Movement]) -> None:
    from tests.integration.settlement import story

    _, bought, _ = traded
    child_order = bought.order_id
    story.bust(child_order)
    (bust,) = Movement.objects.filter(kind="bust")
    text = page().get(f"/holdings/confirm/{bust.id}.csv").content.decode()
    assert text.startswith("Cancellation of a trade\r\n")
    assert f"Takes back {bought.source_id}" in text
    told: Any = dict(row[:2] for row in csv.reader(io.StringIO(text)) if len(row) == 2)
    assert told["Canceled: bought"] == "10000"
    assert told["You get back"] == f"{-bought.cash:.2f} USD"
    # It gives a purchase back and does not read as a sale.
    assert not {"Sold", "Bought", "You receive", "You pay"} & told.keys()
    assert "Your purchase below is void as if it had not been done" in text
    assert told["Time of the trade"] == "2026-11-23 10:00:00 New York"


def test_the_confirm_of_a_sale_that_was_busted_takes_the_money_back(
    traded: list[Movement],
) -> None:
    from tests.integration.settlement import story

    _, _, sold = traded
    story.bust(sold.order_id)
    (bust,) = Movement.objects.filter(kind="bust")
    text = page().get(f"/holdings/confirm/{bust.id}.csv").content.decode()
    told: Any = dict(row[:2] for row in csv.reader(io.StringIO(text)) if len(row) == 2)
    assert (told["Canceled: sold"], told["You give back"]) == ("4000", f"{sold.cash:.2f} USD")
    assert "Your sale below is void" in text


def test_a_bonds_confirm_says_yield_time_capacity_and_currency(traded: list[Movement]) -> None:
    _, bought, _ = traded
    fill = Execution.objects.get(id=bought.source_id)
    text = page().get(f"/holdings/confirm/{bought.id}.csv").content.decode()
    told = dict(row[:2] for row in csv.reader(io.StringIO(text)) if len(row) == 2)
    assert fill.ytm is not None
    assert told["Yield to maturity"] == f"{numbers.plain(fill.ytm)} %"
    assert told["Time of the trade"] == "2026-11-23 10:00:00 New York"
    assert told["Our capacity"] == "Agent for you"
    assert (told["Currency"], told["Price in"]) == ("USD", "percent of par")
    assert told["Coupon"].endswith("% paid twice a year, 30/360")
    assert told["Maturity date"] > told["Settlement date"]


def test_a_firm_that_deals_as_principal_says_so_from_then_on(
    traded: list[Movement], sandbox: datetime
) -> None:
    from tests.integration.settlement import story

    _, bought, _ = traded
    with clock.frozen_at(sandbox + timedelta(minutes=1)):
        story.policy(confirm_capacity="principal")
    with clock.frozen_at(sandbox + timedelta(minutes=5)):
        trade(BUY, 1000, "98.00")
    newest = Movement.objects.filter(kind="trade").order_by("sequence").last()
    assert newest is not None

    def capacity(movement: Movement) -> str:
        text = page().get(f"/holdings/confirm/{movement.id}.csv").content.decode()
        return dict(row[:2] for row in csv.reader(io.StringIO(text)) if len(row) == 2)[
            "Our capacity"
        ]

    assert capacity(bought) == "Agent for you"
    assert capacity(newest) == "Principal for our own account"


def test_the_confirm_of_a_share_says_when_the_fills_it_is_of_were_done(sandbox: datetime) -> None:
    child = trading.execute(trading.submit(account_id=None, allocation=BLOCK), 3000)
    trading.receive(trading.fill(child, 1000, cum=1000))
    later = sandbox + timedelta(minutes=2)
    with clock.frozen_at(later):
        trading.receive(trading.fill(child, 2000, cum=3000, transact_time=later))
    lots.drain()
    share = Movement.objects.get(account_id=ACCOUNT, kind="allocation")
    text = page().get(f"/holdings/confirm/{share.id}.csv").content.decode()
    done = "2026-11-23 10:00:00 to 2026-11-23 10:02:00 New York, 2 fills"
    assert f'Time of the trade,"{done}"' in text
    # Who is not told says so, as the rule has it.
    text = confirm.of_movement("alpha", share.id, kind="csv").decode()
    assert "Time of the trade,furnished on written request" in text


EURO = "023135ZA7"


@pytest.fixture
def abroad(traded: list[Movement]) -> Movement:
    """2,000 of a bond in euro at 89.445 beside what is in dollars."""
    Instrument.objects.filter(cusip=EURO).update(currency="EUR")
    generation.check()
    child = trading.routed(
        account_id=ACCOUNT, instrument_id=EURO, qty=D(2000), limit_price=D("89.445")
    )
    said = trading.fill(
        child, 2000, cum=2000, last_px=D("89.445"), security_id=EURO, order_qty=D(2000)
    )
    trading.receive(said)
    return Movement.objects.get(order_id=child.order_id)


def test_every_amount_of_a_statement_has_its_currency(
    traded: list[Movement], abroad: Movement
) -> None:
    told = sections(of_now())
    assert [(one["CUSIP"], one["Currency"]) for one in told["Positions"]] == [
        (EURO, "EUR"),
        (trading.BOND, "USD"),
    ]
    assert [(one["CUSIP"], one["Currency"]) for one in told["Open tax lots"]] == [
        (EURO, "EUR"),
        (trading.BOND, "USD"),
    ]
    assert sorted((one["Currency"], one["Kind"]) for one in told["Movements"]) == [
        ("EUR", "trade"),
        ("USD", "deposit"),
        ("USD", "trade"),
        ("USD", "trade"),
    ]
    sums = {one["Currency"]: one["Cost"] for one in told["Positions by currency"]}
    assert sums == {"EUR": "1788.90", "USD": "5880.00"}


def test_a_reader_can_add_up_a_statement(traded: list[Movement], abroad: Movement) -> None:
    told = sections(of_now())
    parts = ("Principal", "Interest", "Fees", "Other")
    for one in told["Movements"]:
        assert sum(D(one[name] or 0) for name in parts) == D(one["Cash"])
    bought = next(one for one in told["Movements"] if one["Quantity"] == "10000")
    assert (bought["Principal"], bought["Fees"]) == ("-9800.00", "")
    balances = {one["Currency"]: one["Traded"] for one in told["Cash"]}
    for line in told["Cash from the movements"]:
        mine = [one for one in told["Movements"] if one["Currency"] == line["Currency"]]
        assert line["Opening"] == "0.00"
        for name in (*parts, "Cash"):
            assert D(line[name]) == sum(D(one[name] or 0) for one in mine)
        assert D(line["Opening"]) + D(line["Cash"]) == D(line["Closing"])
        assert line["Closing"] == balances[line["Currency"]]
    assert [one["Currency"] for one in told["Cash from the movements"]] == ["EUR", "USD"]


def test_what_came_before_the_movements_shown_is_the_opening_balance(
    traded: list[Movement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "MOST_MOVEMENTS", 1)
    told = sections(of_now())
    (shown,) = told["Movements, the latest 1 of 3"]
    (line,) = told["Cash from the movements"]
    assert D(line["Opening"]) == D(line["Closing"]) - D(shown["Cash"]) != 0
