"""Doubt is resolved by asking and by sending the same ClOrdID again, never by a new one."""

from __future__ import annotations

from datetime import datetime

from oms_site.journal.unit import Unit
from orders import execution
from orders.models import VenueOrder
from orders.tree import Tree
from venues import instruments, messages, transmission


def ask_status(work: Unit, one: Tree, child: VenueOrder, *, at: datetime) -> None:
    """Ask the venue what became of a venue order."""
    transmission.queue(
        work,
        child.venue_id,
        messages.StatusRequest(
            cl_ord_id=child.current_cl_ord_id,
            security_id=instruments.by_id(one.order.instrument_id).cusip,
            side=execution.SIDES[one.order.side],
        ),
        at=at,
    )


def send_again(child: VenueOrder) -> None:
    """Have the original message sent once more: the venue denies ever having had it."""
    transmission.requeue(child.id)
