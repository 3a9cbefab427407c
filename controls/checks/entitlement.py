"""May this person trade this? Entitlement, accounts and asset classes."""

from __future__ import annotations

from controls.findings import PASSED, Answer, Finding
from controls.parameters import Params
from controls.ticket import Ticket

NEEDED = "order.submit"


class TraderParams(Params, frozen=True):
    """The only asset classes allowed; every one when none is named."""

    asset_classes: tuple[str, ...] = ()


def trader(ticket: Ticket, params: TraderParams) -> Answer:
    """The submitter holds order.submit and trades only for accounts of the own organization."""
    if NEEDED not in ticket.entitlements:
        return Finding(f"{ticket.username} is not entitled to submit orders.", NEEDED)
    for account in ticket.accounts:
        if account.organization_id != ticket.organization_id:
            # Another organization's code would tell that it exists.
            return Finding(f"{ticket.username} is not entitled to one of the accounts.")
    if params.asset_classes and ticket.asset_class not in params.asset_classes:
        allowed = ", ".join(params.asset_classes)
        return Finding(
            f"{ticket.username} is not entitled to trade asset class {ticket.asset_class} "
            f"(allowed: {allowed}).",
            allowed,
            ticket.asset_class,
        )
    return PASSED
