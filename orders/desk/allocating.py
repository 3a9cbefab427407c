"""Withdrawing the allocation of an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allocations import engine
from allocations.models import Allocation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.kit.errors import NotFound
from orders import render
from orders.models import Order


@dataclass(frozen=True, slots=True)
class AllocationCancelResult:
    """What became of the request: `refusal` is the code of the cancel_allocation_reject event."""

    allocation_id: str
    status: str
    refusal: str = ""


def cancel_allocation(
    allocation_id: str, *, by: Principal, at: datetime, correlation_id: str = ""
) -> AllocationCancelResult:
    """Withdraw an allocation before its order is filled. Raises `NotFound` when it is invisible."""
    by.require("allocation.cancel")
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        known = Allocation.objects.filter(
            id=allocation_id, organization_id=by.organization_id
        ).first()
        if known is None:
            raise NotFound("allocation")
        # Order before allocation, as everywhere: fills lock the order first.
        order = work.lock(Order, [known.order_id])[known.order_id]
        rows = engine.of_orders(work, [order.id])[order.id]
        refusal = engine.cancel(
            work,
            allocation=rows.allocation,
            legs=rows.legs,
            filled=order.cum_qty > 0,
            order=render.order_json(order),
            by=actor,
            at=at,
        )
    return AllocationCancelResult(allocation_id, str(rows.allocation.status), refusal)
