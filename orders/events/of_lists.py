"""What happens to lists of orders."""

from __future__ import annotations

from orders.events.kinds import SYSTEM, Kind

_LIST = ("order_list_id", "client_order_list_id")
ORDER_LISTS = (
    Kind(
        "order_list_create",
        SYSTEM,
        "order list",
        "Orders were staged together; `contingency_type` says how they depend on each other.",
        (*_LIST, "contingency_type", "orders"),
    ),
    Kind(
        "order_list_cancel_request",
        SYSTEM,
        "order list",
        "Somebody asked all of its orders to stop; each order says what became of it.",
        _LIST,
    ),
)
