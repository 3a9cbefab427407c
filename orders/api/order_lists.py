"""`/v1/trading/order-list/`: orders staged together, one per line, and how they depend."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.api.shape import Reader
from oms_site.kit.errors import Detail, NotFound, OmsError
from oms_site.throttling import middleware as rates
from oms_site.throttling.limits import Lane
from orders.api import answers, intake
from orders.api import order_lists_schema as shapes
from orders.api.base import Endpoint
from orders.contingent import canceling, rules, submitting, viewing
from orders.contingent.submitting import ListAsk
from orders.requests import OrderAsk

_FIELDS = frozenset({"contingency_type", "client_order_list_id", "orders"})
_MOST = max(most for _, most in rules.SIZES.values())


class OrderListList(Endpoint):
    """Stage orders together, or read what was staged lately."""

    @extend_schema(
        operation_id="order_list_create",
        summary="Create a list of orders",
        description=(
            "All orders are made in one transaction, or none. Roles go by position: `oco` two "
            "orders of which one may be filled; `oto` a parent and children that its fills let "
            "go; `bracket` an entry, its take-profit and its stop-loss; `basket` orders that do "
            "not depend on each other. The same `client_order_list_id` with the same content "
            "answers the list it made before."
        ),
        request=shapes.OrderListRequest,
        responses={
            201: shapes.OrderList,
            200: shapes.OrderList,
            **bricks.errors(400, 401, 403, 409, 422),
        },
    )
    def post(self, request: Request) -> Response:
        self.principal.require("order.submit")
        ask = read(request.data)
        rates.charge_more(request._request, self.principal, Lane.ORDERS, len(ask.orders) - 1)
        made = submitting.submit(
            ask, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        headers = {"Idempotent-Replayed": "true"} if made.replayed else {}
        body = self._one(made.order_list_id)
        return Response(body, status=200 if made.replayed else 201, headers=headers)

    @extend_schema(
        operation_id="order_lists",
        summary="List lists of orders, newest first",
        responses={200: shapes.OrderLists, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        rows = viewing.recent(self.principal.organization_id)
        return Response({"order_lists": viewing.views(rows)})

    def _one(self, order_list_id: str) -> dict[str, Any]:
        return _found(order_list_id, self)


class OrderListDetail(Endpoint):
    """One list: read it, or ask all of it to stop."""

    @extend_schema(
        operation_id="order_list_retrieve",
        summary="Get a list of orders",
        responses={200: shapes.OrderList, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, order_list_id: str) -> Response:
        self.principal.require("order.view")
        return Response(_found(order_list_id, self))

    @extend_schema(
        operation_id="order_list_cancel",
        summary="Ask all orders of a list to stop",
        description="One result for every order that was open; the outcomes come as events.",
        responses={202: shapes.OrderListCancel, **bricks.errors(401, 403, 404)},
    )
    def delete(self, request: Request, order_list_id: str) -> Response:
        results = canceling.cancel(
            order_list_id, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        body = {
            "order_list_id": order_list_id,
            "results": [answers.of_cancel(one) for one in results.values()],
        }
        return Response(body, status=202)


def read(value: Any) -> ListAsk:
    """A list request. Raises `OmsError` (422) with every fault of every order."""
    body = Reader(value)
    body.refuse_unknown(_FIELDS)
    contingency = body.choice("contingency_type", tuple(rules.SIZES))
    given = body.objects("orders", most=_MOST)
    asks = [_read_order(n, one.value, body.faults) for n, one in enumerate(given)]
    least, most = rules.SIZES.get(contingency, (1, _MOST))
    if contingency and not least <= len(given) <= most:
        text = f"Give {least} orders." if least == most else f"Give {least} to {most} orders."
        body.fault("orders", "order_list_size", text)
    client_id = body.text("client_order_list_id")
    body.finish()
    orders = tuple(ask for ask in asks if ask is not None)
    return ListAsk(contingency=contingency, orders=orders, client_order_list_id=client_id)


def _read_order(n: int, value: Any, faults: list[Detail]) -> OrderAsk | None:
    """One order of the list; its faults are named by where it stands."""
    try:
        return intake.order(value)
    except OmsError as refusal:
        faults.extend(
            Detail(f"orders[{n}].{one.field}", one.code, one.message) for one in refusal.details
        )
        return None


def _found(order_list_id: str, endpoint: Endpoint) -> dict[str, Any]:
    row = viewing.find(order_list_id, organization_id=endpoint.principal.organization_id)
    if row is None:
        raise NotFound("order list")
    (view,) = viewing.views([row])
    return view
