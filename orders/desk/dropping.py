"""A block goes on without the accounts that its controls refuse, where the policy says so.

Called by `drafts` between the first look and the record: nothing is written here. What was refused
stays as evidence: the look at the whole block, and each account with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import msgspec

from allocations.models import Allocation, DroppedAccount
from controls import apart, screening
from controls.screening import Verdict
from controls.ticket import Ticket
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Detail
from orders import render, rulesets, terms, tickets
from orders.desk.draft import Draft, Dropped, Refused
from orders.requests import AllocationAsk, Instruction

DROP = "drop"


def smaller(
    drafts: Sequence[Draft], *, at: datetime
) -> Callable[[Ticket, Verdict], Ticket | None] | None:
    """Asked about each refused ticket: what may be tried in its place, None for nothing.

    None at once where no draft's policy lets a block go on without an account.
    """
    blocks = {
        draft.order.id: draft
        for draft in drafts
        if draft.terms.ask.allocation and draft.terms.policy["block_account_reject"] == DROP
    }
    if not blocks:
        return None

    def ask(ticket: Ticket) -> Verdict:
        (verdict,) = screening.screen([ticket], at=at)
        return verdict

    def less(ticket: Ticket, verdict: Verdict) -> Ticket | None:
        draft = blocks.get(ticket.order_id)
        reasons = apart.refused(ticket, verdict, ask, tickets.alone) if draft else {}
        if draft is None or not reasons:
            return None
        found = apart.without(ticket, reasons, tickets.alone)
        faults: list[Detail] = []
        terms.check_size("amount", found.order_qty, draft.terms.instrument, faults)
        if faults or _instructions(draft, found.order_qty) is None:
            return None
        draft.refused = Refused(ticket, verdict, _dropped(draft, reasons))
        return msgspec.structs.replace(found, economics=_economics(draft, found))

    return less


def apply(draft: Draft, ticket: Ticket) -> None:
    """Bring a draft to the ticket that passed in its place; without one, nothing was dropped."""
    allocation = draft.terms.ask.allocation
    if draft.refused is None or allocation is None or ticket is draft.refused.ticket:
        draft.refused = None
        return
    kept = {account.id for account in ticket.accounts}
    places = [n for n, one in enumerate(draft.terms.accounts) if one.id in kept]
    instructions = _instructions(draft, ticket.order_qty) or ()
    ask = msgspec.structs.replace(
        draft.terms.ask,
        qty=ticket.order_qty,
        instructions=instructions,
        allocation=AllocationAsk(
            strategy=allocation.strategy,
            client_allocation_id=allocation.client_allocation_id,
            accounts=tuple([allocation.accounts[n] for n in places]),
        ),
    )
    accounts = tuple([draft.terms.accounts[n] for n in places])
    draft.terms = replace(
        draft.terms,
        ask=ask,
        accounts=accounts,
        # Whose fees count is said by the request, else by its first account.
        risk_group_id=ask.risk_group_id or accounts[0].risk_group_id,
        money=tuple([draft.terms.money[n] for n in places if draft.terms.money]),
    )
    order = draft.order
    order.risk_group_id = draft.terms.risk_group_id
    order.order_qty = order.leaves_qty = ticket.order_qty
    order.economics = draft.economics = ticket.economics
    order.execution_instructions = [
        rulesets.instruction_json(one, order.amount_type) for one in instructions
    ]


def record(work: Unit, draft: Draft, allocation: Allocation) -> None:
    """Keep who was dropped and why, with the look that refused them."""
    refused = draft.refused
    if refused is None:
        return
    look = refused.verdict.row(refused.ticket)
    rows = [
        DroppedAccount(
            id=ids.prefixed("da"),
            organization_id=allocation.organization_id,
            allocation_id=allocation.id,
            account_id=one.account_id,
            client_account_allocation_id=one.ask.client_account_allocation_id,
            position=one.position,
            requested_qty=one.ask.qty,
            screening_id=look.id,
            code=one.code[:60],
            reason=one.reason[:300],
            at=allocation.created_at,
        )
        for one in refused.accounts
    ]
    work.add(look, *rows)
    kind = draft.order.amount_type
    work.record(
        allocation,
        "allocation_account_reject",
        msg_type=MsgType.ORDER_UPDATE,
        body={
            "order_id": allocation.order_id,
            "allocation_id": allocation.id,
            "client_allocation_id": allocation.client_allocation_id,
            "requested_amount": render.amount(refused.ticket.order_qty, kind),
            "amount": render.amount(draft.order.order_qty, kind),
            "account_allocations": [view(row, kind) for row in rows],
        },
        order=render.order_json(draft.order, draft.terms.instrument),
        order_id=allocation.order_id,
        also=[look, *rows],
        at=allocation.created_at,
    )


def view(row: DroppedAccount, kind: str) -> dict[str, object]:
    """An account that was dropped, as answers and events tell it."""
    return {
        "account_id": row.account_id,
        "client_account_allocation_id": row.client_account_allocation_id or None,
        "requested_amount": render.amount(row.requested_qty, kind),
        "code": row.code,
        "reason": row.reason,
    }


def of_allocation(allocation_id: str | None, kind: str) -> list[dict[str, object]]:
    """The accounts that a block went on without, in the order of the request."""
    if allocation_id is None:
        return []
    rows = DroppedAccount.objects.filter(allocation_id=allocation_id).order_by("position")
    return [view(row, kind) for row in rows]


def _dropped(draft: Draft, reasons: apart.Reasons) -> tuple[Dropped, ...]:
    allocation = draft.terms.ask.allocation
    assert allocation is not None
    return tuple(
        [
            Dropped(account.id, ask, n, *reasons[account.id])
            for n, (account, ask) in enumerate(
                zip(draft.terms.accounts, allocation.accounts, strict=True)
            )
            if account.id in reasons
        ]
    )


def _instructions(draft: Draft, qty: Decimal) -> tuple[Instruction, ...] | None:
    """The instructions of a smaller block; None where they say more than it is."""
    given, whole = draft.terms.ask.instructions, draft.terms.ask.qty
    if len(given) == 1 and given[0].qty == whole:
        return (msgspec.structs.replace(given[0], qty=qty),)
    return given if sum((one.qty for one in given), Decimal(0)) <= qty else None


def _economics(draft: Draft, ticket: Ticket) -> int:
    ask = draft.terms.ask
    return tickets.economics(
        organization_id=ticket.organization_id,
        accounts=tuple(account.id for account in ticket.accounts),
        cusip=ticket.cusip,
        side=ticket.side,
        qty=ticket.order_qty,
        limit_price=ask.stop_price if ask.limit_price is None else ask.limit_price,
    )
