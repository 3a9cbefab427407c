"""Whose fault a refusal is: the accounts of a block that a control refuses each for itself.

Called by the desk where a policy lets a block go on without them. Pure: it asks the same controls
again with the same figures, one account at a time; the caller makes the ticket of some accounts
alone, without what lists and halts say of the others. An order's own terms (its size, its price,
the organization's limits) are left as they are: what is wrong with the whole is wrong with all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from controls.screening import Verdict
from controls.states import Remediation
from controls.ticket import AccountFacts, Ticket

Reasons = dict[str, tuple[str, str]]
Alone = Callable[[Ticket, Sequence[AccountFacts]], Ticket]


def refused(
    ticket: Ticket, verdict: Verdict, ask: Callable[[Ticket], Verdict], alone: Alone
) -> Reasons:
    """Code and reason for each account that is refused alone; empty unless others are not.

    Every control that refused the block must let some account pass, or the fault is not theirs.
    """
    if len(ticket.accounts) < 2:
        return {}
    blamed = _rejecting(verdict)
    failures: dict[str, Reasons] = {name: {} for name in blamed}
    for account in ticket.accounts:
        said = ask(alone(ticket, (account,)))
        for name, why in _rejecting(said).items():
            if name in failures:
                failures[name][account.id] = why
    if any(not accounts or len(accounts) == len(ticket.accounts) for accounts in failures.values()):
        return {}
    found: Reasons = {}
    for accounts in failures.values():
        for account_id, why in accounts.items():
            found.setdefault(account_id, why)
    return found if len(found) < len(ticket.accounts) else {}


def without(ticket: Ticket, account_ids: Reasons, alone: Alone) -> Ticket:
    """The same ticket for the other accounts, less their quantities."""
    kept = tuple([account for account in ticket.accounts if account.id not in account_ids])
    return msgspec.structs.replace(
        alone(ticket, kept),
        order_qty=sum((account.qty or Decimal(0) for account in kept), Decimal(0)),
    )


def _rejecting(verdict: Verdict) -> Reasons:
    """What refused, by control: its code and sentence."""
    return {
        result.control.code: (result.code, result.message)
        for result in verdict.results
        if result.effect == Remediation.REJECT.value
    }
