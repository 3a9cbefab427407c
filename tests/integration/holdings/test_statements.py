"""Statements and confirms as clients get them: every figure worked out, the same bytes for ever."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from allocations.holdings import views
from allocations.holdings.documents import statement
from allocations.models import Movement
from oms_site.firm.models import User
from oms_site.kit import clock
from tests import trading
from tests.client import Api
from tests.integration.holdings.test_profit_and_loss import BUY, SELL, market, trade
from venues import market_data

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
    assert (told["Sold"], told["Price"], told["Principal"]) == ("4000", "99", "3960.00")
    assert told["Accrued interest"] == f"{interest:.2f}"
    assert told["Fees"] == "0.00"
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
    assert told["You receive"] == f"{-bought.cash:.2f} USD"
