"""Splits entered after the fact: asked for with a reason by one person, decided by another.

Works inside a caller's unit on rows that the caller holds; it never knows orders. What is agreed
becomes an allocation like any other, which names its entry, so that it can be looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from allocations import accounts, basis, named
from allocations.accounts import AccountFacts
from allocations.basis import Requested
from allocations.models import Allocation, PostTradeEntry
from oms_site.firm.policies import PolicyFacts
from oms_site.firm.principals import Principal
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Detail, Forbidden, OmsError, refuse

ENTER, DECIDE = "allocation.enter", "allocation.approve"
RULE, ALLOWED = "allocation_entry", "post_trade_with_review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What has to be known of an order that was sent without saying for whom.

    `filled_qty` is what stands so far, `is_over` says that no more will come.
    """

    organization_id: str
    order_id: str
    instrument_id: int
    side: str
    amount_type: str
    order_qty: Decimal
    filled_qty: Decimal
    is_over: bool
    first_fill_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Who is to get how much, by which strategy, and why it was not said before the trade."""

    strategy: str
    accounts: tuple[Requested, ...]
    reason: str
    client_allocation_id: str | None = None
    custodian_id: str | None = None


def is_allowed(policy: PolicyFacts) -> bool:
    """Whether a policy lets orders be sent first and split afterward."""
    return bool(policy[RULE] == ALLOWED)


def enter(
    work: Unit, ask: Ask, block: Block, *, policy: PolicyFacts, by: Principal, at: datetime
) -> PostTradeEntry:
    """Ask for a split of a block. Raises `OmsError`: 422 with every fault, 409 for one too many.

    The accounts' amounts add up to the order's, or, once no more will come, to what was executed.
    """
    wanted = _checked(ask, block, policy)
    if PostTradeEntry.objects.filter(order_id=block.order_id, status="requested").exists():
        raise OmsError("entry_open", "An entry for it waits for a decision.", status=409)
    named.require_free(block.organization_id, ask.client_allocation_id, ask.accounts)
    row = PostTradeEntry(
        id=ids.prefixed("pte"),
        organization_id=block.organization_id,
        order_id=block.order_id,
        client_allocation_id=ask.client_allocation_id or None,
        strategy=ask.strategy,
        custodian_id=ask.custodian_id or None,
        requested=[_kept(one, facts) for one, facts in zip(ask.accounts, wanted, strict=True)],
        requested_qty=sum((one.qty for one in ask.accounts), Decimal(0)),
        filled_qty=block.filled_qty,
        first_fill_at=block.first_fill_at,
        reason=ask.reason.strip()[:300],
        maker_id=by.user_id,
        requested_at=at,
    )
    work.add(row)
    _tell(work, row, "post_trade_request", strategy=row.strategy, reason=row.reason)
    return row


def known(ask: Ask, *, organization_id: str, order_id: str) -> PostTradeEntry | None:
    """The entry that this very request has made before: same id, same order, same content."""
    if not ask.client_allocation_id:
        return None
    row = (
        PostTradeEntry.objects.filter(
            organization_id=organization_id,
            order_id=order_id,
            client_allocation_id=ask.client_allocation_id,
        )
        .exclude(status=PostTradeEntry.Status.REFUSED)
        .first()
    )
    found = _found(organization_id, ask.accounts)
    if row is None or not all(found):
        return None
    wanted = [
        Requested(facts.id, one.qty, one.client_account_allocation_id)
        for one, facts in zip(ask.accounts, found, strict=True)
        if facts is not None
    ]
    asked = (ask.strategy, ask.custodian_id or None, ask.reason.strip()[:300], wanted)
    made = (row.strategy, row.custodian_id, row.reason, list(requested(row)))
    return row if asked == made else None


def decide(
    work: Unit,
    row: PostTradeEntry,
    block: Block,
    *,
    approve: bool,
    note: str,
    by: Principal,
    at: datetime,
    order: msgspec.Raw | None = None,
) -> Allocation | None:
    """Another person's word; agreeing makes the allocation, which is returned.

    Raises `Forbidden` (`maker_is_checker`), `OmsError` (409 `already_decided`, 422 when an account
    may trade no more).
    """
    if not row.is_open:
        raise OmsError("already_decided", f"This entry is {row.status}.", status=409)
    if by.user_id == row.maker_id:
        raise Forbidden("maker_is_checker", "Somebody else has to decide.")
    if not approve:
        row.decide(approve=False, user_id=by.user_id, note=note, at=at)
        _tell(work, row, "post_trade_refuse", note=row.note)
        return None
    wanted = requested(row)
    _active(_found(block.organization_id, wanted))
    row.decide(approve=True, user_id=by.user_id, note=note, at=at)
    allocation = basis.create(
        work,
        organization_id=block.organization_id,
        order_id=block.order_id,
        strategy=row.strategy,
        client_allocation_id=row.client_allocation_id,
        instrument_id=block.instrument_id,
        custodian_id=row.custodian_id,
        side=block.side,
        requested=wanted,
        implicit=False,
        amount_type=block.amount_type,
        entry_id=row.id,
        order=order,
        at=at,
    )
    _tell(work, row, "post_trade_approve", note=row.note, allocation_id=allocation.id)
    return allocation


def requested(row: PostTradeEntry) -> tuple[Requested, ...]:
    """Who is to get how much, in the order of the request."""
    return tuple(
        Requested(one["account_id"], Decimal(one["qty"]), one["client_account_allocation_id"])
        for one in row.requested
    )


def shown(rows: Sequence[PostTradeEntry]) -> list[dict[str, Any]]:
    """Entries as the API tells them, each with the allocation it has made: one query."""
    made = Allocation.objects.filter(entry_id__in=[row.id for row in rows])
    found = dict(made.values_list("entry_id", "id"))
    return [_view(row, found.get(row.id)) for row in rows]


def _view(row: PostTradeEntry, allocation_id: str | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "entry_id": row.id,
        "order_id": row.order_id,
        "allocation_id": allocation_id,
        "client_allocation_id": row.client_allocation_id,
        "status": str(row.status),
        "strategy": row.strategy,
        "custodian_id": row.custodian_id,
        "account_allocations": [
            {
                "account_id": one.account_id,
                "client_account_allocation_id": one.client_account_allocation_id or None,
                "requested_amount": one.qty,
            }
            for one in requested(row)
        ],
        "requested_amount": row.requested_qty,
        "filled_amount": row.filled_qty,
        "first_fill_at": row.first_fill_at,
        "reason": row.reason,
        "requested_at": row.requested_at,
        "decided_at": row.decided_at,
        "annotation": row.note or None,
    }


# --- checking --------------------------------------------------------------------------------
def _checked(ask: Ask, block: Block, policy: PolicyFacts) -> list[AccountFacts]:
    found = _found(block.organization_id, ask.accounts)
    total = sum((one.qty for one in ask.accounts), Decimal(0))
    # What is over may be split as it was executed; what still works only as a whole.
    as_executed = block.is_over and total == block.filled_qty
    whole = block.filled_qty if as_executed else block.order_qty
    faults = basis.check_request(ask, order_qty=whole, policy=policy, accounts=found)
    if not ask.reason.strip():
        faults.append(Detail("reason", "reason_required", "Say why it was not said before."))
    if ask.custodian_id and accounts.find_custodian(ask.custodian_id) is None:
        faults.append(Detail("custodian_id", "custodian_not_found", "No such custodian."))
    refuse(faults)
    return _active(found)


def _found(organization_id: str, wanted: Sequence[Requested]) -> list[AccountFacts | None]:
    return [accounts.find_account(organization_id, one.account_id) for one in wanted]


def _active(found: Sequence[AccountFacts | None]) -> list[AccountFacts]:
    known = [facts for facts in found if facts is not None]
    refuse(
        [
            Detail(
                f"allocations.account_allocations[{n}].account_id",
                "account_not_active",
                f"Account {facts.code} is {facts.status}.",
            )
            for n, facts in enumerate(known)
            if facts.status != "active"
        ]
    )
    return known


def _kept(one: Requested, facts: AccountFacts) -> dict[str, str]:
    return {
        "account_id": facts.id,
        "qty": f"{one.qty:f}",
        "client_account_allocation_id": one.client_account_allocation_id,
    }


def _tell(work: Unit, row: PostTradeEntry, event_type: str, **facts: Any) -> None:
    body = {
        "order_id": row.order_id,
        "entry_id": row.id,
        "client_allocation_id": row.client_allocation_id,
        "account_allocations": row.requested,
        **facts,
    }
    work.record(row, event_type, body=body, order_id=row.order_id)
