"""Asks all orders of a list to stop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.kit.errors import NotFound
from orders import desk
from orders.desk.canceling import CancelResult
from orders.models import Order, OrderList
from orders.states import ORDER_TERMINAL


def cancel(
    order_list_id: str, *, by: Principal, at: datetime, correlation_id: str = ""
) -> Mapping[str, CancelResult]:
    """Ask every open order of a list to stop. Raises `NotFound` when the caller cannot see it.

    Each answers for itself, by order id; those that have ended are not asked.
    """
    by.require("order.cancel")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        generation.check()
        row = work.lock(OrderList, [order_list_id]).get(order_list_id)
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("order list")
        row.request_cancel(at=at)
        body = {"order_list_id": row.id, "client_order_list_id": row.client_order_list_id}
        work.record(row, "order_list_cancel_request", msg_type=MsgType.SYSTEM_UPDATE, body=body)
    open_ = Order.objects.filter(order_list_id=order_list_id).exclude(
        status__in=[str(status) for status in ORDER_TERMINAL]
    )
    wanted = list(open_.order_by("id").values_list("id", flat=True))
    if not wanted:
        return {}
    asked = desk.cancel(wanted, by=by, at=at, correlation_id=correlation_id)
    return {one.order_id: one for one in asked}
