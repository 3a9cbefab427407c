"""May this security be traded at all? Lists of restricted instruments."""

from __future__ import annotations

from controls.findings import PASSED, Answer, Finding
from controls.parameters import Params
from controls.ticket import Ticket


class RestrictedParams(Params, frozen=True):
    """Only these lists count; all of them when none is named."""

    lists: tuple[str, ...] = ()


def restricted(ticket: Ticket, params: RestrictedParams) -> Answer:
    """The security must be on none of the lists."""
    if not ticket.restricted_on:
        return PASSED
    hits = [name for name in ticket.restricted_on if not params.lists or name in params.lists]
    if not hits:
        return PASSED
    names = ", ".join(hits)
    noun = "list" if len(hits) == 1 else "lists"
    return Finding(f"{ticket.cusip} is on the {noun} {names}.", None, names)
