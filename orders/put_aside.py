"""What a drain could not work, as a break: a person looks at it and closes it with a reason."""

from __future__ import annotations

from oms_site.journal import actors, unit
from oms_site.journal.draining import Poison
from oms_site.kit import clock
from orders import breaks
from orders.models import Order

KIND = "put_aside"
_by = actors.system("drains")


def open_break(one: Poison) -> None:
    """Open the break of a row that was put aside, unless it is open already."""
    at = clock.now()
    whose = one.organization_id
    if one.order_id and not whose:
        rows = Order.objects.filter(pk=one.order_id).values_list("organization_id", flat=True)
        whose = rows.first() or ""
    with unit.work(by=_by, at=at) as work:
        breaks.open(
            work,
            kind=KIND,
            key=f"{one.drain}/{one.key}",
            evidence={"drain": one.drain, "row": one.key, "why": one.why},
            at=at,
            organization_id=whose or breaks.HOUSE,
            order_id=one.order_id,
        )
