"""Asks all orders of a list to stop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.kit.errors import NotFound
from orders import tree
from orders.desk import canceling
from orders.desk.canceling import CancelResult
from orders.models import OrderList, OrderListLeg


def cancel(
    order_list_id: str, *, by: Principal, at: datetime, correlation_id: str = ""
) -> Mapping[str, CancelResult]:
    """Ask every open order of a list to stop. Raises `NotFound` when the caller cannot see it.

    Each answers for itself, by order id; those that have ended are not asked.
    """
    by.require("order.cancel")
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.check()
        # Legs never change: they can be read before anything is locked, and orders come first.
        legs = OrderListLeg.objects.filter(
            order_list_id=order_list_id, organization_id=by.organization_id
        )
        trees = tree.lock(work, legs.values_list("order_id", flat=True))
        row = work.lock(OrderList, [order_list_id]).get(order_list_id)
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("order list")
        row.request_cancel(at=at)
        body = {"order_list_id": row.id, "client_order_list_id": row.client_order_list_id}
        work.record(row, "order_list_cancel_request", msg_type=MsgType.SYSTEM_UPDATE, body=body)
        open_ = [key for key, one in sorted(trees.items()) if not one.order.is_terminal]
        asked = canceling.cancel_in(work, trees, open_, by=actor, at=at)
    return {one.order_id: one for one in asked}
