"""Circuit breakers asked every second, with what only the story knows: the backlog."""

from __future__ import annotations

from controls import breakers
from oms_site.firm import generation
from oms_site.journal import draining
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders.models import Order
from venues.models import Outbound, SecurityNotice

HALTED = 2  # SecurityTradingStatus(326)
# What ends a halt: 3 resume, 17 ready to trade.
_RESUMED = (3, 17)


def drain() -> int:
    """Look at everything once. Returns how many halts were tripped or lifted."""
    generation.check()
    return obey() + breakers.look(backlog=backlog, at=clock.now())


def obey() -> int:
    """Stop and resume what venues have said is halted, in their order; how many halts moved.

    Each is noted as done after it was obeyed: obeyed twice, it moves nothing the second time.
    """
    due = SecurityNotice.objects.filter(done_at=None).order_by("id")[:100]
    return draining.each(due, _obey, aside=_put_aside)


def _obey(notice: SecurityNotice) -> int:
    at, note, moved = clock.now(), "", 0
    if notice.trading_status in (HALTED, *_RESUMED):
        try:
            moved = breakers.security_status(
                notice.security_id,
                halted=notice.trading_status == HALTED,
                source=f"venue {notice.venue_id}",
                text=notice.text,
                at=at,
            )
        except OmsError as error:
            note = error.message[:200]
    else:
        note = "neither a halt nor its end"
    SecurityNotice.objects.filter(pk=notice.pk).update(done_at=at, note=note)
    return moved


def _put_aside(notice: SecurityNotice, error: Exception) -> None:
    """One that cannot be obeyed holds up no other: people have a break, and halts of their own."""
    draining.tell("obey", f"{notice.venue_id}/{notice.pk}", error)
    note = f"not obeyed: {type(error).__name__}"
    SecurityNotice.objects.filter(pk=notice.pk).update(done_at=clock.now(), note=note)


def backlog() -> int:
    """How much waits for us: orders due to be routed, messages that have not been sent."""
    due = Order.objects.filter(route_at__lte=clock.now()).count()
    return due + Outbound.objects.filter(sent_at=None).count()
