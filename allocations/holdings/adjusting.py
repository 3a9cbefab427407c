"""Charging an account a fee, or giving one back, as two people have agreed elsewhere.

Called within the unit that closes what they have agreed on, such as a break.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from allocations.holdings import transactions
from allocations.models import Transaction
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from venues.calendar import new_york_date


def charge_fee(
    work: Unit,
    *,
    organization_id: str,
    account_id: str,
    instrument_id: int,
    currency: str,
    amount: Decimal,
    reason: str,
    maker_id: int,
    checker_id: int,
    at: datetime,
) -> Transaction:
    """One fee in cash with both people on it; below zero it is given back.

    It is no part of what open lots cost, and lowers what the position has earned. The custodian is
    told of it.
    """
    row = Transaction(
        id=ids.prefixed("tx"),
        organization_id=organization_id,
        fingerprint="",
        kind=Transaction.Kind.FEE,
        account_id=account_id,
        instrument_id=instrument_id,
        currency=currency,
        amount=-amount,
        cost=amount,
        settlement_date=new_york_date(at),
        reason=reason[:300],
        maker_id=maker_id,
        created_at=at,
    )
    transactions.enter(work, row, at=at, checker_id=checker_id, note="agreed with its break")
    return row
