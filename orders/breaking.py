"""Circuit breakers asked every second, with what only the story knows: the backlog."""

from __future__ import annotations

from controls import breakers
from oms_site.firm import generation
from oms_site.kit import clock
from orders.models import Order
from venues.models import Outbound


def drain() -> int:
    """Look at everything once. Returns how many halts were tripped or lifted."""
    generation.check()
    return breakers.look(backlog=backlog, at=clock.now())


def backlog() -> int:
    """How much waits for us: orders due to be routed, messages that have not been sent."""
    due = Order.objects.filter(route_at__lte=clock.now()).count()
    return due + Outbound.objects.filter(sent_at=None).count()
