"""Waking lists of dependent orders that were over: a late fill may be too much for all of a list.

Called by whoever fills orders, before holdings are locked; `contingent` looks at what is awake.
"""

from __future__ import annotations

from collections.abc import Iterable

from orders.models import Order, OrderListWatch


def wake(orders: Iterable[Order]) -> None:
    """Have the lists of these orders looked at again; their watches are locked in order of id."""
    names = {order.order_list_id for order in orders if order.released_qty is not None}
    if not names:
        return
    over = OrderListWatch.objects.filter(order_list_id__in=names, over=True).order_by("id")
    rows = list(over.select_for_update(no_key=True).values_list("id", flat=True))
    if rows:
        OrderListWatch.objects.filter(id__in=rows).update(over=False)
