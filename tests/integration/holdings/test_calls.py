"""A bond that is called pays its price and the interest since its last coupon, to the cent.

What is due is worked out by QuantLib here, by a bond that the test builds itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from io import StringIO

import pytest
import QuantLib
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from allocations import corporate_actions
from allocations.corporate_actions import Ask
from allocations.models import CorporateAction, Movement, Position
from oms_site.kit import clock
from tests import trading
from tests.trading import D

CALLED = date(2026, 11, 24)


def bought(qty: int = 3000, account: str = "alpha-002") -> None:
    child = trading.routed(qty=D(qty), account_id=account)
    trading.receive(trading.fill(child, qty, cum=qty))


@contextmanager
def on(day: date, at: datetime) -> Iterator[None]:
    with clock.frozen_at(at + timedelta(days=(day - at.date()).days)):
        yield


def called(
    at: datetime, *, pay: date = CALLED, record: date | None = None, rate: str = "101"
) -> CorporateAction:
    """Announced by one and applied by another on its record date."""
    ask = Ask(
        kind="call",
        instrument_id=trading.BOND,
        record_date=record or pay,
        pay_date=pay,
        rate=D(rate),
        reason="The issuer's notice.",
    )
    row = corporate_actions.announce(ask, by=trading.person("alpha_ops"), at=at)
    with on(ask.record_date, at):
        checker = trading.person("alpha_compliance")
        return corporate_actions.decide(row.id, apply_it=True, by=checker, at=clock.now())


def by_quantlib(par: Decimal, day: date) -> Decimal:
    """Accrued interest by a bond built here from its terms in words: AAPL 4.15 09/11/29, 30/360."""
    schedule = QuantLib.Schedule(
        QuantLib.Date(11, 9, 2019),
        QuantLib.Date(11, 9, 2029),
        QuantLib.Period(QuantLib.Semiannual),
        QuantLib.NullCalendar(),
        QuantLib.Unadjusted,
        QuantLib.Unadjusted,
        QuantLib.DateGeneration.Backward,
        False,
    )
    bond = QuantLib.FixedRateBond(
        0,
        100.0,
        schedule,
        [0.0415],
        QuantLib.Thirty360(QuantLib.Thirty360.BondBasis),
        QuantLib.Unadjusted,
    )
    rate = Decimal(
        repr(
            round(
                QuantLib.BondFunctions.accruedAmount(
                    bond, QuantLib.Date(day.day, day.month, day.year)
                ),
                12,
            )
        )
    )
    return (par * rate / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)


@pytest.mark.parametrize(
    "day", [date(2026, 11, 24), date(2026, 12, 31), date(2027, 2, 28), date(2027, 3, 10)]
)
def test_holders_of_a_called_bond_get_the_interest_to_the_day_of_the_call(
    sandbox: datetime, day: date
) -> None:
    bought(3000)
    bought(7000, "alpha-003")
    row = called(sandbox, pay=day)
    paid = {one.account_id: one for one in Movement.objects.filter(kind="call")}
    for account, par in (("alpha-002", D(3000)), ("alpha-003", D(7000))):
        interest = by_quantlib(par, day)
        assert interest > 0
        assert paid[account].accrued_interest == -interest
        assert paid[account].principal == -par * D("1.01")
        assert paid[account].cash == par * D("1.01") + interest
        assert (paid[account].settlement_date, paid[account].qty) == (day, -par)
    assert corporate_actions.view(row)["accrued"] == row.accrued
    assert row.accrued is not None
    # Interest is no profit of the position: 1.60 % of par is.
    assert Position.objects.get(account_id="alpha-002").realized == D("48.00")
    call_command("check_books", stdout=StringIO())


def test_a_call_on_the_day_of_a_coupon_pays_no_interest_beside_it(sandbox: datetime) -> None:
    bought()
    called(sandbox, pay=date(2027, 3, 11))
    paid = Movement.objects.get(kind="call")
    assert (paid.accrued_interest, paid.cash) == (D("0.00"), D("3030.00"))


def test_a_coupon_before_a_call_that_is_paid_later_is_paid_to_who_held_until_then(
    sandbox: datetime,
) -> None:
    bought()
    called(sandbox, pay=date(2027, 4, 1), record=date(2026, 11, 24))
    with on(date(2027, 3, 11), sandbox):
        corporate_actions.run_schedule()
    coupon = Movement.objects.get(kind="coupon")
    assert coupon.cash == D("62.25")  # half of 4.15 % of 3000
    paid = Movement.objects.get(kind="call")
    assert paid.accrued_interest == -by_quantlib(D(3000), date(2027, 4, 1))


def test_an_announced_call_says_what_interest_it_will_pay(sandbox: datetime) -> None:
    ask = Ask(
        kind="call",
        instrument_id=trading.BOND,
        record_date=CALLED,
        pay_date=CALLED,
        rate=D(101),
        reason="The issuer's notice.",
    )
    row = corporate_actions.announce(ask, by=trading.person("alpha_ops"), at=sandbox)
    # 73 days of 360 at 4.15 %.
    assert corporate_actions.view(row)["accrued"] == D("0.8415277778")


def test_sleeves_of_one_account_get_the_interest_of_the_whole(sandbox: datetime) -> None:
    for name in ("alpha-core", "alpha-income", "alpha-whole"):
        bought(1000, name)
    called(sandbox)
    paid = [-one.accrued_interest for one in Movement.objects.filter(kind="call")]
    assert len(paid) == 3
    assert sum(paid) == by_quantlib(D(3000), CALLED)


@pytest.mark.parametrize(
    "changes",
    [
        {"accrued_interest": D("0.00"), "cash": D("3030.00")},
        {"accrued_interest": D("-25.28"), "cash": D("3055.28")},
        {"cash": D("3055.24")},
        {"principal": D("-3030.03"), "consideration": D("-3030.03"), "cash": D("3055.28")},
    ],
)
def test_the_database_refuses_a_call_that_pays_another_amount(
    sandbox: datetime, changes: dict[str, Decimal]
) -> None:
    bought()
    called(sandbox)
    true = Movement.objects.get(kind="call")
    copy = {field.attname: getattr(true, field.attname) for field in Movement._meta.concrete_fields}
    copy |= {"id": "mv_other", "account_id": "alpha-009", "sequence": 1, "cash_sequence": 1}
    with pytest.raises(DatabaseError, match="pays its price and the interest"):
        _posted(Movement(**{**copy, **changes}))


def _posted(movement: Movement) -> None:
    """As the end of a transaction would look at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        Movement.objects.bulk_create([movement])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
