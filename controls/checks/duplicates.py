"""Was the same thing just sent? Economic duplicates under different client ids."""

from __future__ import annotations

from controls.findings import Answer, Finding, Missing, Passed
from controls.parameters import Params
from controls.ticket import Ticket


class EconomicParams(Params, frozen=True):
    """How many seconds back an order that looks the same counts as a duplicate."""

    window_s: int


def economic(ticket: Ticket, params: EconomicParams) -> Answer:
    """No order with the same economics came within the window."""
    alike = ticket.recent_alike
    if alike is None:
        raise Missing("nobody has counted the orders that look the same")
    if alike <= 0:
        return Passed(0, alike)
    noun = "1 order like this one was" if alike == 1 else f"{alike} orders like this one were"
    return Finding(f"{noun} entered within the last {params.window_s} s.", 0, alike)
