"""Does an order that is marked so only lessen what its accounts hold?"""

from __future__ import annotations

from controls.findings import PASSED, Answer, Finding
from controls.parameters import Params
from controls.ticket import Ticket


def only(ticket: Ticket, params: Params) -> Answer:
    """Every account holds at least as much the other way, its open orders counted."""
    if not ticket.reduce_only or ticket.reduces():
        return PASSED
    message = "It may only reduce a position, and would open or increase one."
    return Finding(message, None, ticket.order_qty)
