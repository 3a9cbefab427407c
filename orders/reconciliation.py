"""What should not be: looked for, shown as breaks, never repaired by guessing."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef

from oms_site.journal import actors, unit
from oms_site.kit import clock
from orders import breaks
from orders.models import Order, VenueOrder
from orders.states import VENUE_TERMINAL

_by = actors.system("reconciliation")
PATIENCE = timedelta(minutes=5)


def watch() -> int:
    """Open a break for every order that waits for a venue with nothing to answer; how many."""
    at = clock.now()
    live = VenueOrder.objects.filter(order_id=OuterRef("pk")).exclude(
        status__in=[s.value for s in VENUE_TERMINAL]
    )
    stuck = (
        Order.objects.exclude(pending="")
        .filter(expires_at__lt=at - PATIENCE)
        .exclude(Exists(live))
        .values_list("id", "organization_id", "pending")[:500]
    )
    with unit.work(by=_by, at=at) as work:
        for order_id, organization_id, pending in stuck:
            breaks.open(
                work,
                kind="stuck_pending",
                key=order_id,
                evidence={"pending": pending},
                at=at,
                organization_id=organization_id,
                order_id=order_id,
            )
    return len(stuck)
