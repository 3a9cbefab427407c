"""Booking legs and slices: what arithmetic has decided, as rows that a custodian will book.

Called by the engine; it neither adds rows to a unit nor speaks to a custodian.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from allocations import accounts as parties
from allocations import arrangements, reversing
from allocations.models import AccountAllocation, Allocation, BookingLeg
from allocations.states import LegStatus
from allocations.strategies import Lot, Slice, StrategyError
from oms_site.journal import statements
from oms_site.kit import ids


def taken(legs: Sequence[BookingLeg], *, accounts: Sequence[AccountAllocation]) -> list[Slice]:
    """What the legs there are have given to whom."""
    account_ids = {account.id: account.account_id for account in accounts}
    return [
        Slice(
            account_id=account_ids[leg.account_allocation_id],
            lot_ids=tuple(leg.source_ids),
            qty=leg.qty,
            price=leg.price,
            principal=leg.principal,
            accrued_interest=leg.accrued_interest,
            fees=leg.fees,
        )
        for leg in legs
    ]


def make(
    slices: Sequence[Slice],
    *,
    allocation: Allocation,
    accounts: Sequence[AccountAllocation],
    legs: Sequence[BookingLeg],
    lots: Sequence[Lot],
    at: datetime,
) -> list[BookingLeg]:
    """A leg for each slice, numbered on from the `legs` its account has.

    It is due at once, unless its account waits for a reversal: then after that. One of fills that
    were booked elsewhere is never due: it only says whose they are.

    Raises `StrategyError` when an account's custodian is not known.
    """
    by_account = {account.account_id: account for account in accounts}
    by_lot = {lot.id: lot for lot in lots}
    made = {account.id: 0 for account in accounts}
    for leg in legs:
        made[leg.account_allocation_id] = max(made[leg.account_allocation_id], leg.sequence)
    # Everything is in cents: what the buyer pays, or the seller gets, is exact without rounding.
    sign = 1 if allocation.side == "buy" else -1
    waiting = reversing.waiting_accounts(legs)
    told: dict[str, int | None] = {}
    found: list[BookingLeg] = []
    for piece in slices:
        account, lot = by_account[piece.account_id], by_lot[piece.lot_ids[0]]
        made[account.id] += 1
        custodian_id = _custodian(allocation, account)
        if custodian_id not in told:
            told[custodian_id] = _told(allocation, custodian_id)
        found.append(
            statements.fresh(
                BookingLeg,
                id=ids.prefixed("bl"),
                organization_id=allocation.organization_id,
                account_allocation_id=account.id,
                allocation_id=allocation.id,
                custodian_id=custodian_id,
                configuration_id=told[custodian_id],
                sequence=made[account.id],
                source_ids=list(piece.lot_ids),
                qty=piece.qty,
                price=piece.price,
                principal=piece.principal,
                accrued_interest=piece.accrued_interest,
                fees=piece.fees,
                net_money=piece.principal + piece.accrued_interest + sign * piece.fees,
                trade_date=lot.trade_date,
                settlement_date=lot.settlement_date,
                created_at=at,
                revision=allocation.revision,
                due_at=None if account.id in waiting or lot.bypass_trade_booking else at,
                status=(
                    LegStatus.ELSEWHERE if lot.bypass_trade_booking else LegStatus.QUEUED
                ).value,
            )
        )
    return found


def _told(allocation: Allocation, custodian_id: str) -> int | None:
    """Which version of what the custodian is told with every booking counts now."""
    configuration = arrangements.configuration(allocation.organization_id, custodian_id)
    return configuration.id if configuration else None


def _custodian(allocation: Allocation, account: AccountAllocation) -> str:
    """The allocation's custodian if it names one, else the account's own."""
    if allocation.custodian_id is not None:
        return allocation.custodian_id
    facts = parties.find_account(allocation.organization_id, account.account_id)
    if facts is None:
        raise StrategyError("account_not_found", f"Account {account.account_id} is unknown.")
    return facts.custodian_id
