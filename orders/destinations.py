"""Which venue an instruction names: the one that it means, or a fault; never another one.

Asked at intake and again before an execution order is made. What names no venue is for smart order
routing, the wheel or dealers; `manual` on the books always names one.
"""

from __future__ import annotations

from oms_site.kit.errors import Detail
from orders.requests import Instruction
from venues import registry
from venues.smart_routing import VenueFacts

BOOK = "limit_order_book"


def faults(instruction: Instruction, *, field: str = "") -> list[Detail]:
    """Nobody's venue (`venue_not_found`), or none where one must be named (`required`)."""
    where = f"{field}.venue_id" if field else "venue_id"
    named = instruction.venue_id
    if named and registry.find(named) is None:
        return [Detail(where, "venue_not_found", f"No venue {named!r}.")]
    if not named and (instruction.protocol, instruction.strategy) == (BOOK, "manual"):
        return [Detail(where, "required", "Name the venue.")]
    return []


def of(instruction: Instruction) -> VenueFacts | None:
    """The venue that a checked instruction names; None when it names none."""
    if not instruction.venue_id:
        return None
    venue = registry.find(instruction.venue_id)
    assert venue is not None, instruction.venue_id
    return venue
