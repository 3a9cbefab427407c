"""May this instrument trade now?"""

from __future__ import annotations

from controls.findings import PASSED, Answer, Finding
from controls.parameters import Params
from controls.ticket import Ticket

ACTIVE = "active"


def status(ticket: Ticket, params: Params) -> Answer:
    """The instrument is active: neither halted nor matured, nor called or redeemed."""
    if ticket.instrument_status == ACTIVE:
        return PASSED
    return Finding(
        f"{ticket.cusip} is {ticket.instrument_status}.", ACTIVE, ticket.instrument_status
    )
