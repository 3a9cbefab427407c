"""The ledger: a handful of statements whatever the batch, a database that refuses, papers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allocations import holdings
from allocations.holdings import ledger
from allocations.holdings.documents import confirm, paper, statement
from allocations.holdings.posting import of_trade
from allocations.models import Movement, Position
from oms_site.firm.models import User
from oms_site.journal import actors, unit
from tests import trading, unsourced
from tests.races.test_holdings import DAY, trade
from venues import instruments

D = Decimal


@pytest.fixture
def alone(sandbox: datetime) -> datetime:
    """The sandbox, with a ledger that takes any posting."""
    unsourced.lift()
    return sandbox


def post(at: datetime, *postings: Any) -> None:
    with unit.work(by=actors.system("test"), at=at) as work:
        ledger.post(work, postings, at=at)


def statements_of(at: datetime, *postings: Any) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        post(at, *postings)
    return len(seen)


def test_a_batch_of_a_hundred_takes_as_many_statements_as_one_of_two(alone: datetime) -> None:
    def sales(count: int, name: str) -> list[Any]:
        return [
            trade(f"ex_{name}{n}", f"alpha-00{2 + n % 8}", 10, side="sell") for n in range(count)
        ]

    post(alone, *[trade(f"ex_{n}", f"alpha-00{2 + n}", 1000) for n in range(8)])
    few, many = statements_of(alone, *sales(2, "f")), statements_of(alone, *sales(100, "m"))
    assert few == many <= 16


def test_buying_more_reads_no_lots(alone: datetime) -> None:
    post(alone, trade("ex_a", "alpha-002", 1000))
    with CaptureQueriesContext(connection) as seen:
        post(alone, trade("ex_b", "alpha-002", 1000))
    assert [q for q in seen if q["sql"].startswith("SELECT") and "taxlot" in q["sql"]] == []


def test_batch_readers_ask_once_for_many_accounts(alone: datetime) -> None:
    for n in range(8):
        post(alone, trade(f"ex_{n}", f"alpha-00{2 + n}", 1000))
    accounts = [f"alpha-00{2 + n}" for n in range(8)]
    with CaptureQueriesContext(connection) as seen:
        held, money = holdings.positions(accounts), holdings.cash(accounts)
    assert len(seen) == 3
    assert len(held) == len(money) == 8


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE allocations_movement SET qty = qty + 1",
        "DELETE FROM allocations_movement",
        "UPDATE allocations_position SET account_id = 'alpha-009'",
        "UPDATE allocations_position SET qty = qty + 1",
        "DELETE FROM allocations_cashbalance",
        "UPDATE allocations_taxlot SET opened = 9",
        "INSERT INTO allocations_movement SELECT * FROM allocations_movement",
    ],
)
def test_the_database_refuses_to_rewrite_holdings(alone: datetime, sql: str) -> None:
    post(alone, trade("ex_a", "alpha-002", 1000))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_movement_needs_a_source(alone: datetime) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        post(alone, trade("", "alpha-002", 1000))


def test_two_postings_of_one_unit_add_up(alone: datetime) -> None:
    with unit.work(by=actors.system("test"), at=alone) as work:
        ledger.post(work, [trade("ex_a", "alpha-002", 1000)], at=alone)
        ledger.post(work, [trade("ex_b", "alpha-002", 400, side="sell")], at=alone)
    row = Position.objects.get(account_id="alpha-002")
    # 1000 for 1000.01; 400 of them cost 400.00 (half up), sold for 399.99.
    assert (row.qty, row.cost, row.realized) == (D(600), D("600.01"), D("-0.01"))
    assert row.lots.get().open_qty == 600


def test_the_two_sides_of_a_share_are_mirror_images() -> None:
    terms: dict[str, Any] = {
        "side": "sell",
        "qty": D(10),
        "principal": D("9.90"),
        "accrued_interest": D("0.10"),
        "fees": D("0.05"),
        "organization_id": "alpha",
        "account_id": "x",
        "currency": "USD",
        "kind": "allocation",
        "source_id": "bl_1",
        "trade_date": DAY,
        "settlement_date": DAY,
    }
    there, here = (of_trade(**terms, into=into) for into in (True, False))
    # Sold: 9.90 and 0.10 come in, 0.05 goes out.
    assert (there.qty, there.consideration, there.cash) == (D(-10), D("-9.85"), D("9.95"))
    assert (here.qty, here.consideration, here.cash) == (D(10), D("9.85"), D("-9.95"))


def test_what_no_movement_states_is_posted_by_the_command(sandbox: datetime) -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("movement", "taxlot", "position", "cashbalance"):
            cursor.execute(f"ALTER TABLE allocations_{table} DISABLE TRIGGER USER")
            cursor.execute(f"DELETE FROM allocations_{table}")
            cursor.execute(f"ALTER TABLE allocations_{table} ENABLE TRIGGER USER")
    for _ in range(2):
        call_command("book_holdings", verbosity=0)
    facts = instruments.find(trading.BOND)
    assert facts is not None
    assert holdings.positions(["alpha-002"]) == {("alpha-002", facts.id): 1000}
    assert Movement.objects.count() == 1


# --- papers ----------------------------------------------------------------------------------
def test_a_statement_is_the_same_bytes_every_time(alone: datetime) -> None:
    post(alone, trade("ex_a", "alpha-002", 1000))
    for kind in ("pdf", "csv"):
        first, again = (
            statement.of_account("alpha", "alpha-002", at=alone, as_of=alone, kind=kind)
            for _ in range(2)
        )
        assert first == again
    assert first.startswith(b"Statement of ALPHA-002\r\n")
    assert b"1000.11" in first  # 1000 and 0.01 fee and 0.10 accrued


def test_a_confirm_says_who_pays_what_when(alone: datetime) -> None:
    post(alone, trade("ex_a", "alpha-002", 1000))
    movement = Movement.objects.get()
    text = confirm.of_movement("alpha", movement.id, kind="csv").decode()
    for line in ("Bought,1000", "You pay,1000.11 USD", "Settlement date,2026-11-23"):
        assert line in text
    assert confirm.of_movement("alpha", movement.id, kind="pdf").startswith(b"%PDF-")


def test_a_text_is_never_a_formula() -> None:
    made = paper.Paper(
        "=1+1", (), (paper.Table("t", ("a",), [("-5",), ("@x",), ("",)]),), trading_at()
    )
    text = paper.render(made, "csv").decode()
    assert text.startswith("'=1+1")
    assert "\r\n-5\r\n'@x\r\n" in text


def trading_at() -> datetime:
    return datetime.fromisoformat("2026-11-23T15:00:00+00:00")


def test_the_page_and_its_papers_are_for_people_of_the_firm(
    alone: datetime, caller: Callable[[str], Any]
) -> None:
    post(alone, trade("ex_a", "alpha-002", 1000))
    movement = Movement.objects.get()
    alpha, beta = Client(), Client()
    alpha.force_login(User.objects.get(username="alpha_trader"))
    beta.force_login(User.objects.get(username="beta_trader"))
    page = alpha.get("/holdings/?account=ALPHA-002").content.decode()
    assert "AAPL" in page
    assert movement.id in page
    assert "AAPL" not in beta.get("/holdings/").content.decode()
    assert alpha.get(f"/holdings/confirm/{movement.id}.pdf").status_code == 200
    assert beta.get(f"/holdings/confirm/{movement.id}.pdf").status_code == 404
    assert beta.get("/holdings/ALPHA-002/statement.pdf").status_code == 404
    assert alpha.get("/holdings/ALPHA-002/statement.doc").status_code == 404
    assert Client().get("/holdings/").status_code == 302
    bad = alpha.get("/holdings/?as_of=never").content.decode()
    assert "Give a date and a time in New York." in bad
    ahead = alpha.get("/holdings/?as_of=2026-11-23T10:00:01").content.decode()
    assert "Give a date and a time that have come." in ahead
