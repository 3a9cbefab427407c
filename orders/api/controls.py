"""What the gate counts and which lists it goes by: read by clients, published by compliance."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls import lists
from controls.models import ControlList
from oms_site.kit.errors import OmsError
from orders import render, volumes
from orders.api import schema
from orders.api.base import Endpoint

_FIELDS = frozenset({"name", "kind", "cusips", "issuers", "accounts", "reason"})


class Volumes(Endpoint):
    """The day's accumulators."""

    @extend_schema(
        operation_id="control_volumes",
        summary="Get the day's volumes",
        description="Orders entered and money of the trading day, as the limits count them.",
        responses={200: OpenApiTypes.OBJECT, **schema.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        found = volumes.of_today(self.principal.organization_id, at=self.at)
        return Response(_plain(found))


class Lists(Endpoint):
    """Lists of securities, issuers and accounts, by version."""

    @extend_schema(
        operation_id="control_list_list",
        summary="List the lists in force",
        responses={200: OpenApiTypes.OBJECT, **schema.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("control.manage")
        rows = ControlList.objects.filter(organization_id=self.principal.organization_id)
        latest = rows.order_by("name", "-version").distinct("name")
        return Response({"lists": [_view(row) for row in latest]})

    @extend_schema(
        operation_id="control_list_publish",
        summary="Publish the next version of a list",
        request=OpenApiTypes.OBJECT,
        responses={201: OpenApiTypes.OBJECT, **schema.errors(401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require("control.manage")
        asked = request.data
        if not isinstance(asked, dict) or set(asked) - _FIELDS or not asked.get("name"):
            raise OmsError("invalid_list", f"A list has {', '.join(sorted(_FIELDS))}.", status=422)
        members = {name: _texts(asked, name) for name in ("cusips", "issuers", "accounts")}
        row = lists.publish(
            self.principal.organization_id,
            str(asked["name"])[:40],
            kind=str(asked.get("kind", "restricted")),
            reason=str(asked.get("reason", ""))[:200],
            by_id=self.principal.user_id,
            at=self.at,
            **members,
        )
        return Response(_view(row), status=201)


def _texts(asked: dict[str, Any], name: str) -> list[str]:
    values = asked.get(name, [])
    longest = {"cusips": 9, "issuers": 120, "accounts": 40}[name]
    if not isinstance(values, list) or not all(
        isinstance(one, str) and 0 < len(one) <= longest for one in values
    ):
        raise OmsError("invalid_list", f"{name} is a list of texts.", field=name, status=422)
    return values


def _view(row: ControlList) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "version": row.version,
        "cusips": row.cusips,
        "issuers": row.issuers,
        "accounts": row.accounts,
        "reason": row.reason,
        "created_at": row.created_at,
    }


def _plain(value: Any) -> Any:
    """Decimals without trailing zeros."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return render.tidy(value) if hasattr(value, "as_tuple") else value
