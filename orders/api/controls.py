"""What the gate counts, and asking for an exception from it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls.api import overrides
from oms_site.api import bricks
from oms_site.api.shape import Reader
from orders import overriding, render, volumes
from orders.api.base import Endpoint


class Volumes(Endpoint):
    """The day's accumulators."""

    @extend_schema(
        operation_id="control_volumes",
        summary="Get the day's volumes",
        description="Orders entered and money of the trading day, as the limits count them.",
        responses={200: OpenApiTypes.OBJECT, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        found = volumes.of_today(self.principal.organization_id, at=self.at)
        return Response(_plain(found))


class OrderOverride(Endpoint):
    """An exception for one order."""

    @extend_schema(
        operation_id="order_override",
        summary="Ask for an override of a rejected order",
        description=(
            "For refusals that two people may lift: a do-not-trade list, a wash sale; never a "
            "regulatory control. Once another person grants it, the same order, entered again by "
            "the same trader on the same terms, passes once. Send `reason`."
        ),
        request=OpenApiTypes.OBJECT,
        responses={201: OpenApiTypes.OBJECT, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        body = Reader(request.data)
        body.refuse_unknown({"reason"})
        reason = body.text("reason", longest=500) or ""
        body.finish()
        row = overriding.ask(
            order_id,
            reason=reason,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response(overrides.view(row), status=201)


def _plain(value: Any) -> Any:
    """Decimals without trailing zeros."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return render.tidy(value) if hasattr(value, "as_tuple") else value
