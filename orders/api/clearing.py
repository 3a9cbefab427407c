"""`/v1/ops/clearing/`: what clearing parties were told, and what they would not take."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.clearing import people, views
from oms_site.api import bricks
from oms_site.kit.errors import OmsError
from orders.api import client_side_schema as shapes
from orders.api.base import Endpoint

_MOST = 500


class ClearingList(Endpoint):
    """Reports to clearing parties, or only those that wait for a person."""

    @extend_schema(
        operation_id="ops_clearing_list",
        summary="List clearing reports",
        parameters=[
            OpenApiParameter(name, str)
            for name in ("order_id", "party_id", "status", "exceptions", "limit", "cursor")
        ],
        responses={200: shapes.ClearingPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("ops.view")
        given, organization_id = request.query_params, self.principal.organization_id
        rows = views.of(organization_id)
        if given.get("exceptions") == "true":
            rows = views.exceptions(organization_id, at=self.at)
        for name in ("order_id", "party_id", "status"):
            if given.get(name):
                rows = rows.filter(**{name: given[name]})
        if given.get("cursor"):
            rows = rows.filter(id__gt=given["cursor"])
        most = limit(given.get("limit", "100"))
        found = list(rows.order_by("id")[: most + 1])
        cursor = found[most - 1].id if len(found) > most else None
        more = {"next_cursor": cursor, "has_more": cursor is not None}
        return Response({"reports": views.shown(found[:most]), **more})


class ClearingResend(Endpoint):
    """Tell rejected reports once more, with their own keys."""

    @extend_schema(
        operation_id="ops_clearing_resend",
        summary="Resend clearing reports",
        description="`ids`, up to 200; each answers for itself.",
        request=shapes.ClearingResend,
        responses={200: shapes.ClearingResent, **bricks.errors(401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        given = request.data.get("ids") if isinstance(request.data, dict) else None
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            self.principal.require(people.REPAIR)
            raise OmsError("not_a_list", "Give a list of ids.", field="ids")
        found = people.resend(
            given, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        return Response({"results": found})


def limit(text: str) -> int:
    """How many rows a page has. Raises `OmsError` (422 `invalid_limit`)."""
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise OmsError("invalid_limit", f"Give 1 to {_MOST}.", field="limit")
    return int(text)
