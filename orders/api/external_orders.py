"""`/v1/ops/external-order/`: orders that only a venue knew, adopted or disowned by two people."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.kit.errors import NotFound
from orders import breaks
from orders.api import client_side_schema as shapes
from orders.api.base import Endpoint
from orders.api.seen import text_of, version_of
from orders.externals import deciding, views
from orders.models import ExternalOrder

_STEPS = ("propose", "agree", "refuse")


class ExternalOrderList(Endpoint):
    """External orders with their fills, oldest first."""

    @extend_schema(
        operation_id="ops_external_order_list",
        summary="List external orders",
        description="`waiting=true` gives those that nobody has decided on.",
        parameters=[OpenApiParameter("waiting", str)],
        responses={200: shapes.ExternalOrders, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("ops.view")
        waiting = request.query_params.get("waiting") == "true"
        rows = views.of(self.principal.organization_id, waiting=waiting)
        return Response({"external_orders": views.shown(rows[:500])})


class ExternalOrderStep(Endpoint):
    """Say whose it is, agree, or send it back."""

    @extend_schema(
        operation_id="ops_external_order_step",
        summary="Decide on an external order",
        description="`step` is propose (with reason, and execution_order_id of an external"
        " execution order to adopt it; without one it is disowned), agree or refuse (with version"
        " as it was shown: 409 `proposal_changed` if it has changed since).",
        request=shapes.ExternalStep,
        responses={200: shapes.ExternalOrder, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, external_id: str, step: str) -> Response:
        self.principal.require(breaks.RESOLVE)
        if step not in _STEPS:
            raise NotFound("step")
        if step == "propose":
            row = deciding.propose(
                external_id,
                execution_order_id=text_of(request.data, "execution_order_id").strip(),
                reason=text_of(request.data, "reason").strip(),
                **self.told,
            )
        else:
            version = version_of(request.data)
            row = deciding.decide(external_id, agree=step == "agree", version=version, **self.told)
        rows = ExternalOrder.objects.filter(pk=row.pk).select_related("proposed_by")
        return Response(views.shown(rows)[0])
