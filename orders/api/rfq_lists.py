"""`/v1/trading/list-rfq/…`: many requests for quotes at once, each with its own outcome."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.kit import ids
from oms_site.kit.errors import NotFound
from orders import desk, finding, render
from orders.api import rfq_answers as answers
from orders.api import rfq_intake, rfq_schema
from orders.api.base import Endpoint
from orders.models import Rfq


class ListRfq(Endpoint):
    """Many requests at once, each with its own outcome."""

    @extend_schema(
        operation_id="list_rfq_create",
        summary="Ask for quotes on a list of orders",
        request=rfq_schema.ListRequest,
        responses={202: rfq_schema.ListAnswer, **bricks.errors(401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        given = rfq_intake.asks(request.data)
        orders = finding.find_all([one.order_id for _, one in given], by=self.principal)
        faults = [answers.fault(orders.get(one.order_id), kind) for kind, one in given]
        list_id = ids.prefixed("lrfq")
        results = desk.ask(
            [one for (_, one), fault in zip(given, faults, strict=True) if fault is None],
            by=self.principal,
            at=self.at,
            list_id=list_id,
            correlation_id=self.correlation_id,
        )
        lines, answered = [], iter(results)
        for (_, one), fault in zip(given, faults, strict=True):
            if fault is not None:
                lines.append(answers.line(one.order_id, fault, "rfq", None))
                continue
            order, result = orders[one.order_id], next(answered)
            shown = answers.asked(result, order, by=self.principal) if result.row else None
            lines.append(answers.line(order.id, result.error, "rfq", shown))
        return Response({"list_rfq_id": list_id, "results": lines}, status=202)


class ListRfqDetail(Endpoint):
    """What has become of every line of a list."""

    @extend_schema(
        operation_id="list_rfq_retrieve",
        summary="Get a list of requests for quotes",
        responses={200: rfq_schema.RfqPage, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, list_id: str) -> Response:
        self.principal.require("order.view")
        rows = Rfq.objects.filter(list_id=list_id, organization_id=self.principal.organization_id)
        full = rows.select_related("order").prefetch_related("quotes", "rounds").order_by("id")
        found = [answers.view(row, by=self.principal) for row in full]
        if not found:
            raise NotFound("list of requests for quotes")
        return Response({"rfqs": found})


class ListRfqBatch(Endpoint):
    """Many AutoEx execution orders at once, each with its own outcome."""

    @extend_schema(
        operation_id="list_rfq_batch_create",
        summary="Ask and execute a list of orders automatically",
        request=rfq_schema.BatchRequest,
        responses={202: rfq_schema.ListAnswer, **bricks.errors(401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        given = rfq_intake.automatic_lines(request.data)
        orders = finding.find_all([order_id for order_id, _, _ in given], by=self.principal)
        faults = [answers.fault(orders.get(order_id), kind) for order_id, kind, _ in given]
        list_id = ids.prefixed("lrfq")
        fit = [line for line, fault in zip(given, faults, strict=True) if fault is None]
        results = desk.execute_all(
            [(order_id, instruction) for order_id, _, instruction in fit],
            by=self.principal,
            at=self.at,
            list_id=list_id,
            correlation_id=self.correlation_id,
        )
        lines, answered = [], iter(results)
        for (order_id, _, _), fault in zip(given, faults, strict=True):
            if fault is not None:
                lines.append(answers.line(order_id, fault, "execution_order", None))
                continue
            kind, result = orders[order_id].amount_type, next(answered)
            shown = result.row and render.execution_order(result.row, kind)
            lines.append(answers.line(order_id, result.error, "execution_order", shown))
        return Response({"list_rfq_id": list_id, "results": lines}, status=202)
