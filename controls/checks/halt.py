"""Does a kill switch or a trading halt stand over this order?"""

from __future__ import annotations

from controls.findings import PASSED, Answer, Finding
from controls.parameters import Params
from controls.ticket import Ticket


def standing(ticket: Ticket, params: Params) -> Answer:
    """Nothing that the order belongs to is halted, or the order reduces where that may pass."""
    if ticket.halted:
        return Finding(f"Trading is halted: {'; '.join(ticket.halted)}.", None, len(ticket.halted))
    if ticket.reduced and not ticket.reduces():
        return Finding(
            f"Only orders that reduce a position pass: {'; '.join(ticket.reduced)}.",
            None,
            len(ticket.reduced),
        )
    return PASSED
