"""The basis of an allocation: who is to get how much, fixed before the first fill, for good.

Called through the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

import msgspec

from allocations import announcements, arrangements, wire
from allocations.accounts import AccountFacts
from allocations.models import AccountAllocation, Allocation, BookingLeg
from allocations.strategies import STRATEGIES
from oms_site.firm.policies import PolicyFacts
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Detail
from venues import instruments


class Requested(NamedTuple):
    """What one account is to get."""

    account_id: str
    qty: Decimal
    client_account_allocation_id: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """An allocation with its accounts, in the order of the request, and its legs."""

    allocation: Allocation
    accounts: tuple[AccountAllocation, ...]
    legs: tuple[BookingLeg, ...] = ()


class _AccountAsk(Protocol):
    @property
    def account_id(self) -> str: ...
    @property
    def qty(self) -> Decimal: ...
    @property
    def client_account_allocation_id(self) -> str: ...


class _Ask(Protocol):
    @property
    def strategy(self) -> str: ...
    @property
    def accounts(self) -> Sequence[_AccountAsk]: ...


def check_request(
    ask: _Ask,
    *,
    order_qty: Decimal,
    policy: PolicyFacts,
    accounts: Sequence[AccountFacts | None] = (),
) -> list[Detail]:
    """Every fault of a parsed allocation request; none means that it can be created.

    `accounts` are the accounts of the request in its order, None where there is no such account;
    with them, one account named twice is found even if once by id and once by code.
    """
    faults: list[Detail] = []
    if ask.strategy not in STRATEGIES:
        _fault(faults, "strategy", "strategy_unknown", f"Give one of {', '.join(STRATEGIES)}.")
    elif ask.strategy not in policy["allowed_allocation_strategies"]:
        _fault(faults, "strategy", "strategy_not_allowed", "Your policy does not allow this.")
    if not ask.accounts:
        _fault(faults, "account_allocations", "required", "Name at least one account.")
        return faults
    for n, account in enumerate(accounts):
        if account is None:
            _fault(faults, _at(n, "account_id"), "account_not_found", "No such account here.")
    _check_twins(ask, accounts, faults)
    for n, one in enumerate(ask.accounts):
        if one.qty <= 0:
            _fault(
                faults, _at(n, "requested_amount"), "amount_not_positive", "Give more than zero."
            )
    total = sum((one.qty for one in ask.accounts), Decimal(0))
    if total != order_qty:
        text = (
            f"The accounts together request {wire.number(total):f}, "
            f"the order is for {wire.number(order_qty):f}."
        )
        faults.append(Detail("allocations", "allocation_sum_mismatch", text))
    return faults


def _check_twins(ask: _Ask, accounts: Sequence[AccountFacts | None], faults: list[Detail]) -> None:
    found = list(accounts) or [None] * len(ask.accounts)
    seen_accounts: set[str] = set()
    seen_ids: set[str] = set()
    for n, (one, account) in enumerate(zip(ask.accounts, found, strict=True)):
        account_id = one.account_id if account is None else account.id
        if account_id in seen_accounts:
            _fault(faults, _at(n, "account_id"), "duplicate_account", "Name an account once.")
        seen_accounts.add(account_id)
        own = one.client_account_allocation_id
        if own and own in seen_ids:
            field = _at(n, "client_account_allocation_id")
            _fault(faults, field, "duplicate_client_account_allocation_id", "Use an id once.")
        seen_ids.add(own)


def create(
    work: Unit,
    *,
    organization_id: str,
    order_id: str,
    strategy: str,
    client_allocation_id: str | None,
    instrument_id: int,
    custodian_id: str | None,
    side: str,
    requested: Sequence[Requested],
    implicit: bool,
    amount_type: str,
    at: datetime,
    order: msgspec.Raw | None = None,
    allocation_id: str | None = None,
    entry_id: str | None = None,
    by: Actor | None = None,
) -> Allocation:
    """Fix the basis: adds the allocation with its accounts and records `allocation_create`.

    Quantities are par or shares as `amount_type` says; `order` is the order's object for the
    frame. The request has passed `check_request`, or is the single account of a plain order.
    `entry_id` names the entry that another person approved, where it is made after the fact.
    """
    allocation = Allocation(
        id=allocation_id or ids.prefixed("al"),
        organization_id=organization_id,
        order_id=order_id,
        client_allocation_id=client_allocation_id or None,
        strategy=strategy,
        implicit=implicit,
        instrument_id=instrument_id,
        custodian_id=custodian_id,
        side=side,
        requested_qty=sum((one.qty for one in requested), Decimal(0)),
        created_at=at,
        entry_id=entry_id,
        release=arrangements.release_for(
            organization_id,
            asset_class=instruments.by_id(instrument_id).asset_class,
            strategy=strategy,
        ),
    )
    accounts = _accounts(allocation, requested)
    work.add(allocation, *accounts)
    announcements.tell(
        work,
        allocation,
        "allocation_create",
        order=order,
        also=accounts,
        by=by,
        at=at,
        strategy=strategy,
        custodian_id=custodian_id,
        account_allocations=[wire.requested(account, amount_type) for account in accounts],
    )
    return allocation


def _accounts(allocation: Allocation, requested: Sequence[Requested]) -> list[AccountAllocation]:
    return [
        AccountAllocation(
            id=ids.prefixed("aa"),
            organization_id=allocation.organization_id,
            allocation_id=allocation.id,
            account_id=one.account_id,
            client_account_allocation_id=one.client_account_allocation_id,
            position=position,
            requested_qty=one.qty,
        )
        for position, one in enumerate(requested)
    ]


def _at(n: int, name: str) -> str:
    return f"account_allocations[{n}].{name}"


def _fault(faults: list[Detail], field: str, code: str, message: str) -> None:
    faults.append(Detail(f"allocations.{field}", code, message))
