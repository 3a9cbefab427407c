"""A booking that a repair sends to another account takes its shares and money there, and back."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from allocations import holdings, repairs
from allocations.models import BookingLeg, Movement, TaxLot
from oms_site.journal import actors, unit
from orders import lots
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from venues import instruments
from venues.messages import ExecType, OrdStatus

D = Decimal
HOUSE = "suspense:alpha"


@pytest.fixture(autouse=True)
def _at_ten(sandbox: datetime) -> None:
    """Ten o'clock."""


def held(*accounts: str) -> list[D]:
    facts = instruments.find(trading.BOND)
    assert facts is not None
    found = holdings.positions(accounts)
    return [found.get((account, facts.id), D(0)) for account in accounts]


def money(*accounts: str) -> D:
    return sum((one.traded for one in holdings.cash(accounts).values()), D(0))


def repaired(leg: BookingLeg, account_id: str, at: datetime) -> BookingLeg:
    """The custodian refuses a leg, one person asks for another account, another one agrees."""
    with unit.work(by=actors.system("test"), at=at) as work:
        row = work.lock(BookingLeg, [leg.id])[leg.id]
        row.send(retry_at=at)
        row.reject(code="NO", reason="closed")
        work.record(row, "leg_rejected", body={})
    ops, admin = trading.person("alpha_ops"), trading.person("alpha_admin")
    asked = repairs.request(leg.id, reason="Moved.", account_id=account_id, by=ops, at=at)
    repairs.decide(asked.id, approve=True, by=admin, at=at)
    return BookingLeg.objects.exclude(booked_account=None).get()


def test_a_plain_orders_shares_move_on_to_the_account_they_are_booked_to(
    sandbox: datetime,
) -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    lots.drain()
    before = money("alpha-002")
    repaired(BookingLeg.objects.get(), "alpha-005", sandbox)
    assert held("alpha-002", "alpha-005") == [0, 3000]
    # 3000 at 99.4 and its accrued interest: not a cent is left behind or made.
    assert money("alpha-002") == 0
    assert money("alpha-005") == before
    assert not TaxLot.objects.filter(position__account_id="alpha-002").exclude(open_qty=0).exists()


def test_a_blocks_leg_goes_from_suspense_to_the_other_account(sandbox: datetime) -> None:
    child = trading.routed(
        qty=D(5000),
        account_id=None,
        allocation=AllocationAsk(
            strategy="pro_rata_with_averaging",
            accounts=(
                AccountAsk(account_id="alpha-002", qty=D(3000)),
                AccountAsk(account_id="alpha-003", qty=D(2000)),
            ),
        ),
    )
    trading.receive(trading.fill(child, 5000, cum=5000))
    lots.drain()
    whole = money("alpha-002", "alpha-003")
    leg = BookingLeg.objects.get(account_allocation__account_id="alpha-003")
    repaired(leg, "alpha-005", sandbox)
    accounts = ("alpha-002", "alpha-003", "alpha-005")
    assert held(HOUSE, *accounts) == [0, 3000, 0, 2000]
    assert money(*accounts) == whole
    assert money("alpha-003") == 0
    kinds = Movement.objects.filter(account_id="alpha-003").order_by("sequence")
    assert [one.kind for one in kinds] == ["allocation", "reversal"]


def test_a_bust_after_the_repair_empties_the_account_that_has_it(sandbox: datetime) -> None:
    child = trading.routed()
    fill: Any = trading.fill(child, 3000, cum=3000)
    trading.receive(fill)
    lots.drain()
    repaired(BookingLeg.objects.get(), "alpha-005", sandbox)
    trading.receive(
        trading.fill(
            child,
            0,
            cum=0,
            exec_type=ExecType.TRADE_CANCEL,
            exec_ref_id=fill.exec_id,
            ord_status=OrdStatus.PARTIALLY_FILLED,
        )
    )
    lots.drain()
    assert held("alpha-002", "alpha-005") == [0, 0]
    assert money("alpha-002") == money("alpha-005") == 0
