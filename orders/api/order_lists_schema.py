"""The shapes of lists of orders for the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers as s

from oms_site.api.bricks import moment, shape, text
from orders.api import schema
from orders.states import Contingency, Role

_TYPES = [c.value for c in Contingency]
OrderListRequest = shape(
    "OrderListRequest",
    contingency_type=s.ChoiceField(_TYPES),
    client_order_list_id=text(max_length=80),
    orders=s.ListField(child=schema.OrderRequest(), min_length=1, max_length=50),
)
_LEG = shape(
    "OrderListLeg",
    role=s.ChoiceField([r.value for r in Role]),
    held=s.BooleanField(help_text="its list lets nothing more of it go to market for now"),
    order=schema.Order(),
)
OrderList = shape(
    "OrderList",
    id=s.CharField(),
    client_order_list_id=text(),
    contingency_type=s.ChoiceField(_TYPES),
    fix_contingency_type=text(help_text="ContingencyType(1385)"),
    status=s.ChoiceField(["open", "done"]),
    created_at=s.DateTimeField(),
    cancel_requested_at=moment(),
    orders=s.ListField(child=_LEG()),
)
OrderLists = shape("OrderLists", order_lists=s.ListField(child=OrderList()))
OrderListCancel = shape(
    "OrderListCancel",
    order_list_id=s.CharField(),
    results=s.ListField(child=schema.CancelAnswer()),
)
