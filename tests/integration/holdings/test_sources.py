"""Nobody makes a holding out of nothing, whatever they write and with whatever rights.

Every attack is a real row with one thing changed, written as the tables' owner: by SQL and by the
ORM. That the real rows themselves are taken is what every other test of holdings shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from allocations import corporate_actions
from allocations.holdings import transactions
from allocations.models import (
    Account,
    BookingLeg,
    CashBalance,
    CorporateAction,
    FxRate,
    Movement,
    Position,
    Transaction,
)
from oms_site.firm import generation
from oms_site.kit import clock
from orders import lots
from orders.models import Execution
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from venues import instruments
from venues.models import Instrument

D = Decimal
OURS, THEIRS = "alpha-002", "alpha-003"


@pytest.fixture(autouse=True)
def _at_ten(sandbox: datetime) -> None:
    assert sandbox == clock.now()


def bond() -> int:
    found = instruments.find(trading.BOND)
    assert found is not None
    return found.id


def filled(qty: int = 1000, **changes: Any) -> Movement:
    """One fill of one account; its movement."""
    child = trading.routed(qty=D(3000), **changes)
    trading.receive(trading.fill(child, qty, cum=qty))
    fill = Execution.objects.get(order_id=child.order_id)
    return Movement.objects.exclude(kind__startswith="fx").get(source_id=fill.id)


def split() -> Movement:
    """What one account of a block was given by its leg."""
    parts = tuple(AccountAsk(account_id=key, qty=D(1500)) for key in (OURS, THEIRS))
    asked = AllocationAsk(strategy="pro_rata_with_averaging", accounts=parts)
    child = trading.routed(qty=D(3000), account_id=None, allocation=asked)
    trading.receive(trading.fill(child, 3000, cum=3000))
    lots.drain()
    return Movement.objects.get(kind="allocation", account_id=OURS)


def moved(kind: str, **terms: Any) -> Movement:
    """What one transaction of somebody moved, in the account that it names."""
    ask = transactions.Ask(kind=kind, account_id=OURS, **terms)
    row = transactions.submit(ask, by=trading.person("alpha_ops"), at=clock.now()).row
    return Movement.objects.filter(source_id=row.id, account_id=OURS).order_by("kind")[0]


def forge(real: Movement, **changes: Any) -> None:
    """The same row with this changed, by SQL, in the place of the real one."""
    said = {"id": "mv_forged", **changes}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE allocations_movement DISABLE TRIGGER USER")
        cursor.execute("UPDATE allocations_movement SET source_id = 'x' WHERE id = %s", [real.id])
        cursor.execute("ALTER TABLE allocations_movement ENABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(
            "INSERT INTO allocations_movement SELECT (jsonb_populate_record(m, %s)).*"
            " FROM allocations_movement m WHERE m.id = %s",
            [json.dumps({"source_id": real.source_id, **said}, default=str), real.id],
        )
        assert cursor.rowcount == 1
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def another(real: Movement) -> int:
    """Another security than it is of."""
    assert real.instrument_id is not None
    return Instrument.objects.exclude(pk=real.instrument_id).order_by("id")[0].pk


def refused(act: Callable[[], Any], words: str) -> None:
    """Refused by the law that says these words, at once or as the transaction ends."""
    with pytest.raises(DatabaseError, match=words), transaction.atomic():
        act()


HAPPENED = "nothing of the kind happened"


@pytest.mark.parametrize(
    "changes",
    [
        {"source_id": "ex_of_nothing"},
        {"account_id": THEIRS},
        {"account_id": "suspense:alpha"},
        {"organization_id": "beta"},
        {"order_id": ""},
        {"order_id": "mo_of_nothing"},
        {"kind": "bust"},
        {"kind": "correction"},
        {"kind": "allocation"},
        {"kind": "reversal"},
        {"kind": "deposit", "order_id": ""},
        {"kind": "adjustment", "order_id": ""},
        {"kind": "transfer", "order_id": ""},
        {"kind": "coupon", "order_id": ""},
        {"kind": "split"},
        {"kind": "split", "order_id": "", "ratio_new": 2, "ratio_old": 1},
        {"kind": "fx_buy"},
        {"kind": "fx_sell", "order_id": ""},
        {"kind": "gift"},
    ],
    ids=str,
)
def test_a_fill_moves_nothing_else_than_its_own_account_once(changes: dict[str, Any]) -> None:
    real = filled()
    refused(lambda: forge(real, **changes), HAPPENED)


@pytest.mark.parametrize(
    "name", ["qty", "principal", "accrued_interest", "fees", "consideration", "cash"]
)
@pytest.mark.parametrize("of", [filled, split], ids=lambda of: of.__name__)
def test_a_fill_and_a_leg_move_exactly_their_own_numbers(
    of: Callable[[], Movement], name: str
) -> None:
    real = of()
    other = {name: getattr(real, name) + D("0.01")}
    refused(lambda: forge(real, **other), HAPPENED)


@pytest.mark.parametrize("of", [filled, split], ids=lambda of: of.__name__)
def test_a_fill_of_another_security_is_not_its_own(of: Callable[[], Movement]) -> None:
    real = of()
    other = another(real)
    refused(lambda: forge(real, instrument_id=other), HAPPENED)


def test_what_really_happened_is_taken_once_more_in_its_own_place() -> None:
    """What every attack here changes is the only reason why it is refused."""
    for real in (filled(), split(), moved("deposit", amount=D("100.00"))):
        with transaction.atomic():
            forge(real)
            transaction.set_rollback(True)


@pytest.mark.parametrize(
    "changes",
    [
        {"source_id": "bl_of_nothing"},
        {"account_id": "alpha-004"},
        {"organization_id": "beta"},
        {"order_id": ""},
        {"kind": "trade"},
        {"kind": "reversal", "qty": 1500},
        {"kind": "reversal", "account_id": "alpha-004"},
        {"kind": "split", "reverses": "bl_of_nothing", "cash": 0, "consideration": 0},
    ],
    ids=str,
)
def test_a_leg_moves_its_two_accounts_by_its_own_numbers(changes: dict[str, Any]) -> None:
    real = split()
    refused(lambda: forge(real, **changes), HAPPENED)


def test_a_leg_that_takes_another_back_moves_nothing_itself() -> None:
    real = split()
    leg = BookingLeg.objects.get(id=real.source_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO allocations_bookingleg SELECT (jsonb_populate_record(l, %s)).*"
            " FROM allocations_bookingleg l WHERE l.id = %s",
            [json.dumps({"id": "bl_back", "reverses_id": leg.id, "sequence": 9}), leg.id],
        )
    refused(lambda: forge(real, source_id="bl_back"), HAPPENED)


@pytest.mark.parametrize(
    "changes",
    [
        {"source_id": "tx_of_nothing"},
        {"account_id": THEIRS},
        {"organization_id": "beta"},
        {"kind": "withdrawal"},
        {"kind": "adjustment"},
        {"kind": "coupon"},
        {"kind": "fx_buy"},
    ],
    ids=str,
)
def test_a_deposit_is_one_deposit_of_one_account(changes: dict[str, Any]) -> None:
    real = moved("deposit", amount=D("100.00"))
    refused(lambda: forge(real, **changes), HAPPENED)


@pytest.mark.parametrize("changes", [{"cash": 101}, {"currency": "EUR"}], ids=str)
def test_a_transfer_moves_what_it_says_and_nothing_more(changes: dict[str, Any]) -> None:
    moved("deposit", amount=D("500.00"))
    real = moved("transfer", amount=D("100.00"), to_account_id=THEIRS)
    refused(lambda: forge(real, **changes), HAPPENED)
    refused(lambda: forge(real, account_id="alpha-004"), HAPPENED)


def _waiting() -> Transaction:
    ask = transactions.Ask(
        kind="correction", account_id=OURS, amount=D("100.00"), reason="It was left out."
    )
    return transactions.submit(ask, by=trading.person("alpha_ops"), at=clock.now()).row


def test_what_waits_for_a_second_person_moves_nothing() -> None:
    """Not even with its own numbers: this is known when the transaction ends."""
    real, row = moved("deposit", amount=D("100.00")), _waiting()
    changes = {"source_id": row.id, "kind": "adjustment"}
    refused(lambda: forge(real, **changes), "was not applied")
    transactions.decide(
        row.id,
        approve=False,
        annotation="",
        by=trading.person("alpha_compliance"),
        at=clock.now(),
    )
    refused(lambda: forge(real, **changes), HAPPENED)


@pytest.mark.parametrize("decision", ["rejected", ""])
def test_what_was_applied_stays_applied(decision: str) -> None:
    moved("deposit", amount=D("100.00"))

    def undo() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE allocations_transaction SET decision = %s, version = version + 1",
                [decision],
            )

    refused(undo, "was decided already")


@pytest.mark.parametrize(
    "changes",
    [{"cash": -101}, {"currency": "EUR"}, {"account_id": THEIRS}, {"source_id": "tx_of_nothing"}],
    ids=str,
)
def test_an_exchange_moves_both_currencies_at_its_own_rate(changes: dict[str, Any]) -> None:
    Account.objects.filter(id=OURS).update(currencies=["EUR"])
    generation.check()
    FxRate.objects.create(
        organization_id="alpha",
        base="USD",
        quote="EUR",
        rate=D("0.9"),
        source="ecb",
        at=clock.now(),
    )
    moved("deposit", amount=D("500.00"))
    moved("exchange", amount=D("100.00"), to_currency="EUR")
    real = Movement.objects.get(kind="fx_sell")
    refused(lambda: forge(real, **changes), HAPPENED)


def test_a_payment_in_another_currency_is_of_a_movement_of_that_account() -> None:
    Instrument.objects.filter(pk=bond()).update(currency="EUR")
    Account.objects.filter(id=OURS).update(converts=True)
    generation.check()
    FxRate.objects.create(
        organization_id="alpha",
        base="EUR",
        quote="USD",
        rate=D("1.1"),
        source="ecb",
        at=clock.now(),
    )
    trade = filled()
    real = Movement.objects.get(source_id=trade.source_id, kind="fx_buy")
    for changes in (
        {"account_id": THEIRS},
        {"source_id": "ex_of_nothing"},
        {"source_id": f"{trade.source_id}~"},
        {"order_id": ""},
    ):
        refused(partial(forge, real, **changes), HAPPENED)


def _announced() -> CorporateAction:
    today = date(2026, 11, 23)
    named: dict[str, Any] = {"record_date": today, "pay_date": today, "reason": "Its notice."}
    ask = corporate_actions.Ask(kind="call", instrument_id=trading.BOND, rate=D(100), **named)
    return corporate_actions.announce(ask, by=trading.person("alpha_ops"), at=clock.now())


def test_what_an_issuer_has_only_announced_moves_nothing() -> None:
    real, row = filled(), _announced()
    changes = {"source_id": row.id, "order_id": "", "kind": "call", "qty": -1000}
    refused(lambda: forge(real, **changes), "was not applied")
    refused(lambda: forge(real, **{**changes, "kind": "redemption"}), HAPPENED)
    refused(lambda: forge(real, **{**changes, "organization_id": "beta"}), HAPPENED)
    other = another(real)
    refused(lambda: forge(real, **{**changes, "instrument_id": other}), HAPPENED)
    by, at = trading.person("alpha_compliance"), clock.now()
    corporate_actions.decide(row.id, apply_it=False, by=by, at=at)
    refused(lambda: forge(real, **changes), HAPPENED)


def test_the_orm_is_refused_like_anybody() -> None:
    real = filled()
    real.id, real.sequence, real.cash_sequence = "mv_forged", 2, 2
    real.source_id = "ex_of_nothing"
    refused(lambda: real.save(force_insert=True), HAPPENED)


# --- what is kept beside the movements -----------------------------------------------------------
LEFT = "is not what a movement left"


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.rowcount == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE allocations_position SET qty = qty + 1, version = version + 1",
        "UPDATE allocations_position SET sequence = sequence + 1, version = version + 1",
        "UPDATE allocations_position SET moved_at = now(), version = version + 1",
        "INSERT INTO allocations_position SELECT (jsonb_populate_record(p,"
        """ '{"id": "po_forged", "account_id": "alpha-003"}')).* FROM allocations_position p""",
        "UPDATE allocations_cashbalance SET amount = amount + 0.01, version = version + 1",
        "UPDATE allocations_cashbalance SET sequence = sequence + 1, version = version + 1",
        "INSERT INTO allocations_cashbalance SELECT (jsonb_populate_record(b,"
        """ '{"id": "cb_forged", "account_id": "alpha-003"}')).* FROM allocations_cashbalance b""",
    ],
)
def test_positions_and_balances_are_what_their_last_movement_left(sql: str) -> None:
    filled()
    refused(lambda: _run(sql), LEFT)


def test_a_position_or_a_balance_without_any_movement_is_refused() -> None:
    owned: dict[str, Any] = {"organization_id": "alpha", "version": 1, "moved_at": clock.now()}
    position = Position(id="po_forged", account_id=OURS, instrument_id=bond(), qty=D(1), **owned)
    refused(lambda: position.save(force_insert=True), LEFT)
    # An empty one is not what anything left either.
    position.qty = D(0)
    refused(lambda: position.save(force_insert=True), LEFT)
    purse = CashBalance(id="cb_forged", account_id=OURS, currency="USD", amount=D(1), **owned)
    refused(lambda: purse.save(force_insert=True), LEFT)


def test_every_kind_of_movement_has_a_law_of_its_own() -> None:
    """A new kind is refused until somebody has said what it has to name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'orders_movement_happened'")
        ((text,),) = cursor.fetchall()
    assert [kind for kind in Movement.Kind if f"'{kind}'" not in text] == []
