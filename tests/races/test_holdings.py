"""Several batches at one account at the same moment: nothing is lost, doubled or deadlocked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import partial

import pytest

from allocations import holdings
from allocations.holdings import ledger, transactions
from allocations.holdings.posting import Posting, of_trade
from allocations.models import CashBalance, Movement, Position, TaxLot, Transaction
from oms_site.journal import actors, unit
from oms_site.kit import clock
from tests import trading, unsourced
from tests.races.racing import race
from venues import instruments

D = Decimal
DAY = date(2026, 11, 23)
pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(autouse=True)
def _alone(committed_sandbox: None) -> Iterator[None]:
    unsourced.lift()
    yield
    unsourced.restore()


def trade(source: str, account: str, qty: int, *, side: str = "buy") -> Posting:
    facts = instruments.find(trading.BOND)
    assert facts is not None
    return of_trade(
        side=side,
        qty=D(qty),
        principal=D(qty),
        accrued_interest=D("0.10"),
        fees=D("0.01"),
        organization_id="alpha",
        account_id=account,
        instrument_id=facts.id,
        currency="USD",
        kind="trade",
        source_id=source,
        price=D(100),
        trade_date=DAY,
        settlement_date=DAY,
    )


def batch(*postings: Posting) -> None:
    with unit.work(by=actors.system("race"), at=clock.now()) as work:
        ledger.post(work, postings, at=clock.now())


def check(account: str, *, qty: int, moves: int) -> None:
    row = Position.objects.get(account_id=account)
    movements = Movement.objects.filter(account_id=account).order_by("sequence")
    assert row.qty == qty
    assert row.sequence == len(movements) == moves
    assert [m.sequence for m in movements] == list(range(1, moves + 1))
    lots = TaxLot.objects.filter(position=row)
    assert sum((lot.open_qty for lot in lots), D(0)) == qty
    assert sum((lot.open_cost for lot in lots), D(0)) == row.cost
    (money,) = CashBalance.objects.filter(account_id=account)
    assert money.amount == sum((m.cash for m in movements), D(0))


def test_batches_that_open_the_same_position_make_one() -> None:
    race(*(partial(batch, trade(f"ex_{n}", "alpha-002", 1000)) for n in range(8)))
    check("alpha-002", qty=8000, moves=8)


def test_batches_over_two_accounts_in_either_order_do_not_deadlock() -> None:
    def both(n: int) -> Callable[[], None]:
        pair = [trade(f"ex_{n}a", "alpha-002", 1000), trade(f"ex_{n}b", "alpha-003", 1000)]
        return partial(batch, *(pair if n % 2 else reversed(pair)))

    race(*(both(n) for n in range(8)))
    check("alpha-002", qty=8000, moves=8)
    check("alpha-003", qty=8000, moves=8)


def test_the_same_fact_posted_by_many_moves_once() -> None:
    race(*(partial(batch, trade("ex_same", "alpha-002", 1000)) for _ in range(8)))
    check("alpha-002", qty=1000, moves=1)


def test_buys_and_sells_at_once_add_up_through_zero() -> None:
    race(
        *(
            partial(
                batch,
                trade(f"ex_{n}", "alpha-002", 1000, side="buy" if n % 2 else "sell"),
            )
            for n in range(8)
        )
    )
    check("alpha-002", qty=0, moves=8)


def test_one_deposit_asked_for_by_many_is_made_once() -> None:
    ask = transactions.Ask(
        kind="deposit", account_id="alpha-002", amount=D(500), client_transaction_id="once"
    )
    by = trading.person("alpha_ops")
    made = race(*(partial(transactions.submit, ask, by=by, at=clock.now()) for _ in range(6)))
    assert len({one.row.id for one in made}) == 1
    assert sorted(one.replayed for one in made) == [False, *[True] * 5]
    assert Transaction.objects.count() == 1
    assert holdings.cash(["alpha-002"])["alpha-002", "USD"].traded == 500
