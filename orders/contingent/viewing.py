"""Lists of orders as clients see them: what was asked, and how each order stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from orders import render
from orders.contingent import rules
from orders.models import Order, OrderList, OrderListLeg
from orders.states import ORDER_TERMINAL

LINES = 100


def find(order_list_id: str, *, organization_id: str) -> OrderList | None:
    """A list of this organization; None for unknown and foreign ids alike."""
    return OrderList.objects.filter(organization_id=organization_id, pk=order_list_id).first()


def recent(organization_id: str, *, most: int = LINES) -> list[OrderList]:
    """The newest lists."""
    rows = OrderList.objects.filter(organization_id=organization_id)
    return list(rows.order_by("-created_at", "-id")[:most])


def views(rows: Sequence[OrderList]) -> list[dict[str, Any]]:
    """Lists with the state of each of their orders: two queries, however many."""
    legs: dict[str, list[OrderListLeg]] = defaultdict(list)
    found = OrderListLeg.objects.filter(order_list__in=rows).select_related("order")
    for leg in found.order_by("order_list_id", "position"):
        legs[leg.order_list_id].append(leg)
    return [_view(row, legs[row.id]) for row in rows]


def board(order: Order) -> dict[str, Any] | None:
    """The list that an order belongs to, for its panel; None for one that stands alone."""
    if order.order_list_id is None:
        return None
    legs = OrderListLeg.objects.filter(order_list_id=order.order_list_id).select_related("order")
    row = OrderList.objects.get(pk=order.order_list_id)
    found = list(legs.order_by("position"))
    return {"id": row.id, "contingency_type": row.contingency, "legs": found}


def _view(row: OrderList, legs: Sequence[OrderListLeg]) -> dict[str, Any]:
    return {
        "id": row.id,
        "client_order_list_id": row.client_order_list_id,
        "contingency_type": row.contingency,
        "fix_contingency_type": rules.FIX[row.contingency],
        "status": status_of(leg.order for leg in legs),
        "created_at": row.created_at,
        "cancel_requested_at": row.cancel_requested_at,
        "orders": [
            {"role": leg.role, "held": leg.order.is_held, "order": render.view(leg.order)}
            for leg in legs
        ],
    }


def status_of(orders: Iterable[Order]) -> str:
    """`open` while any order is, then `done`; which way each ended is each order's own."""
    statuses = {str(order.status) for order in orders}
    return "done" if statuses <= {str(one) for one in ORDER_TERMINAL} else "open"
