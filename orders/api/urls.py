"""The addresses of the guide, and what we add beside them."""

from __future__ import annotations

from django.urls import path

from orders.api import execution_orders as eo
from orders.api import orders, records

_order = "trading/order/<str:order_id>/"
_below = f"{_order}execution-order/"


def _create(name: str, protocol: str, strategy: str) -> object:
    view = eo.ExecutionOrderCreate.as_view(protocol=protocol, strategy=strategy)
    return path(f"{_below}{name}/", view, name=f"execution-order-{name.replace('/', '-')}")


urlpatterns = [
    path("trading/order/", orders.OrderList.as_view(), name="order-list"),
    path("trading/order/bulk/", orders.OrderBulk.as_view(), name="order-bulk"),
    path(_order, orders.OrderDetail.as_view(), name="order-detail"),
    path(f"{_order}approve/", orders.OrderDecision.as_view(approve=True), name="order-approve"),
    path(f"{_order}reject/", orders.OrderDecision.as_view(approve=False), name="order-reject"),
    path(f"{_order}execution/", eo.ExecutionList.as_view(), name="execution-list"),
    _create("lob/sor", "limit_order_book", "smart_order_routing"),
    _create("lob/manual", "limit_order_book", "manual"),
    _create("external", "external", "external"),
    path(
        f"{_below}<str:execution_order_id>/",
        eo.ExecutionOrderDetail.as_view(),
        name="execution-order-detail",
    ),
    path(
        f"{_below}<str:execution_order_id>/external/trade-report/",
        eo.TradeReportCreate.as_view(),
        name="trade-report",
    ),
    path(
        "trading/allocation/<str:allocation_id>/",
        records.AllocationDetail.as_view(),
        name="allocation-detail",
    ),
    path("trading/event/", records.EventList.as_view(), name="event-list"),
    path("trading/review/", records.ReviewList.as_view(), name="review-list"),
    path("account/", records.AccountList.as_view(), name="account-list"),
    path("metadata/request-status/", records.RequestStatus.as_view(), name="request-status"),
]
