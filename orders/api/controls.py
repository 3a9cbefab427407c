"""What the gate counts: the day's volumes, read by clients."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from orders import render, volumes
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


def _plain(value: Any) -> Any:
    """Decimals without trailing zeros."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return render.tidy(value) if hasattr(value, "as_tuple") else value
