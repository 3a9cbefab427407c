"""May these accounts trade now?"""

from __future__ import annotations

from controls.findings import PASSED, Answer, Finding
from controls.parameters import Params
from controls.ticket import Ticket

ACTIVE = "active"


def status(ticket: Ticket, params: Params) -> Answer:
    """Every account of the order is active."""
    closed = [account for account in ticket.accounts if account.status != ACTIVE]
    if not closed:
        return PASSED
    message = " ".join(f"Account {account.code} is {account.status}." for account in closed)
    return Finding(message, ACTIVE, ", ".join(account.status for account in closed))
