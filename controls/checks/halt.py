"""Does a kill switch or a trading halt stand over this order?"""

from __future__ import annotations

from controls.findings import PASSED, Answer, Finding
from controls.parameters import Params
from controls.ticket import Ticket


def standing(ticket: Ticket, params: Params) -> Answer:
    """Nothing that the order belongs to is halted."""
    if not ticket.halted:
        return PASSED
    return Finding(f"Trading is halted: {'; '.join(ticket.halted)}.", None, len(ticket.halted))
