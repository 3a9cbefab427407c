"""`/v1/trading/external-trade-report/`: reported trades that wait for a second person."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.api.shape import Reader
from orders import desk, fills
from orders.api.base import Endpoint
from orders.models import HeldReport


class HeldReportList(Endpoint):
    """What waits, newest first."""

    @extend_schema(
        operation_id="held_report_list",
        summary="List reported trades that wait for a decision",
        responses={200: OpenApiTypes.OBJECT, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        mine = HeldReport.objects.filter(organization_id=self.principal.organization_id)
        rows = mine.filter(status=HeldReport.Status.HELD).select_related("requested_by")
        found = rows.order_by("-requested_at", "-id")[:500]
        return Response({"reports": [of_report(row) for row in found]})


class HeldReportDecision(Endpoint):
    """Somebody else than who reported it decides."""

    approve = True

    @extend_schema(
        summary="Decide about a reported trade",
        description="Approved, it is checked again and counts as any fill. Send `annotation`.",
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, report_id: str) -> Response:
        body = Reader(request.data)
        body.refuse_unknown({"annotation"})
        note = body.text("annotation", longest=500) or ""
        body.finish()
        held, fill = desk.decide_report(
            report_id,
            approve=self.approve,
            note=note,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        made = None if fill is None else fills.wire(fill, held.order.amount_type)
        return Response({**of_report(held), "execution": made})


def of_report(row: HeldReport) -> dict[str, Any]:
    """A held report as clients see it."""
    return {
        "external_trade_report_id": row.id,
        "client_external_trade_report_id": row.client_report_id,
        "order_id": row.order_id,
        "execution_order_id": row.execution_order_id,
        "status": row.status,
        "reason": row.reason,
        "report": row.report,
        "requested_by": row.requested_by.username,
        "requested_at": row.requested_at,
        "annotation": row.note or None,
    }
