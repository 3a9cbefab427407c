"""Doubt is resolved by asking and by sending the same ClOrdID again, never by a new one."""

from __future__ import annotations

from datetime import datetime

from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import execution, sides
from orders.models import Order, VenueOrder
from orders.states import VENUE_TERMINAL
from orders.tree import Tree
from venues import instruments, messages, transmission
from venues.models import Outbound


def ask_status(work: Unit, one: Tree, child: VenueOrder, *, at: datetime) -> None:
    """Ask the venue what became of a venue order."""
    _ask(work, one.order, child, at=at)


def ask_all(venue_id: str) -> None:
    """Ask a venue how every live order stands that it was ever sent."""
    at = clock.now()
    unsent = Outbound.objects.filter(venue_id=venue_id, sent_at=None).values("cl_ord_id")
    sent = VenueOrder.objects.filter(venue_id=venue_id).exclude(id__in=unsent)
    live = sent.exclude(status__in=sorted(VENUE_TERMINAL)).select_related("order")
    with unit.work(by=actors.system(f"venue:{venue_id}"), at=at) as work:
        for child in live.order_by("id"):
            _ask(work, child.order, child, at=at)


def _ask(work: Unit, order: Order, child: VenueOrder, *, at: datetime) -> None:
    transmission.queue(
        work,
        child.venue_id,
        messages.StatusRequest(
            cl_ord_id=child.current_cl_ord_id,
            security_id=instruments.by_id(order.instrument_id).cusip,
            side=execution.SIDES[order.side],
            **sides.mark(order),
        ),
        at=at,
    )


def send_again(child: VenueOrder) -> None:
    """Have the original message sent once more: the venue denies ever having had it."""
    transmission.requeue(child.id)


def replace_again(child: VenueOrder) -> None:
    """Have a replace that nobody has answered sent once more, past the last look."""
    transmission.requeue_replace(child.replace_cl_ord_id)
