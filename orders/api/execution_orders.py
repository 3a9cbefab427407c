"""`…/execution-order/…`: take a staged order to market, stop an execution order, report a trade."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks, conditions
from oms_site.kit.errors import OmsError
from orders import desk, fills, finding, render
from orders.api import answers, intake, schema
from orders.api.base import Endpoint
from orders.models import Order
from orders.requests import Instruction


class ExecutionOrderCreate(Endpoint):
    """One kind of execution order; the address says which."""

    protocol = ""
    strategy = ""

    def read(self, data: Any) -> tuple[str, Instruction]:
        """The amount's type and the instruction that a body asks for."""
        return intake.instruction(data, protocol=self.protocol, strategy=self.strategy)

    def refuse_kind(self, kind: str, order: Order) -> None:
        """Raises `OmsError` (422) where an order of its kind cannot be executed by this amount."""
        if kind != order.amount_type:
            text = f"Give it as {order.amount_type}."
            raise OmsError("amount_type_differs", text, field="amount")

    @extend_schema(
        summary="Create an execution order",
        description="The outcome comes as `execution_order_create` or `execution_order_reject`.",
        request=schema.ExecutionRequest,
        responses={202: schema.ExecutionOrder, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        kind, instruction = self.read(request.data)
        self.principal.require("order.route")
        order = finding.find(order_id, by=self.principal)
        self.refuse_kind(kind, order)
        result = desk.execute(
            order_id,
            instruction,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        if result.error is not None:
            raise result.error
        assert result.row is not None
        return Response(
            render.execution_order(result.row, order.amount_type),
            status=200 if result.replayed else 202,
            headers={"Idempotent-Replayed": "true"} if result.replayed else {},
        )


class CustodianManualCreate(ExecutionOrderCreate):
    """An execution order that a custodian works at its desk."""

    protocol, strategy = "custodian", "manual"

    def read(self, data: Any) -> tuple[str, Instruction]:
        """The body of `custodian/manual`."""
        return intake.handed(data)

    def refuse_kind(self, kind: str, order: Order) -> None:
        """Shares, or money for them: what is counted in par no custodian takes."""
        if order.amount_type != "shares":
            text = "A custodian takes shares: this order is in par."
            raise OmsError("amount_type_unsupported", text, field="amount")

    @extend_schema(
        operation_id="execution_order_custodian_manual",
        summary="Hand an order in shares to a custodian",
        description=(
            "`custodian_id` is the order's own when left out; it keeps all accounts of the order."
            " Money is turned into shares at the limit, else at the market, rounded down."
        ),
        request=schema.CustodianRequest,
        responses={202: schema.ExecutionOrder, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        return super().post(request, order_id)


class ExecutionOrderDetail(Endpoint):
    """One execution order: read it, or ask it to stop."""

    conditional = {"delete": "execution_order_id"}

    @extend_schema(
        operation_id="execution_order_retrieve",
        summary="Get an execution order",
        responses={200: schema.ExecutionOrder, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, order_id: str, execution_order_id: str) -> Response:
        order = finding.see(order_id, by=self.principal)
        row = order.execution_orders.filter(id=execution_order_id).first()
        if row is None:
            raise OmsError("not_found", "No such execution order.", status=404)
        told = render.execution_order(row, order.amount_type)
        return Response(told, headers=conditions.etag(row.version))

    @extend_schema(
        operation_id="execution_order_cancel",
        summary="Ask an execution order to stop",
        description="The `ETag` is the execution order's own. " + conditions.LEAVE_OUT_TO_STOP,
        parameters=[conditions.IF_MATCH],
        responses={202: schema.CancelAnswer, **bricks.errors(400, 401, 403, 404, 412)},
    )
    def delete(self, request: Request, order_id: str, execution_order_id: str) -> Response:
        result = desk.cancel_execution(
            order_id,
            execution_order_id,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        body = {**answers.of_cancel(result), "execution_order_id": execution_order_id}
        return Response(body, status=202)


class TradeReportCreate(Endpoint):
    """A trade made off-platform."""

    @extend_schema(
        operation_id="external_trade_report_create",
        summary="Report a trade made elsewhere",
        description=(
            "Far from the market it is `held` and counts once a second person has approved it."
        ),
        request=schema.TradeReport,
        responses={202: schema.TradeReportAnswer, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, order_id: str, execution_order_id: str) -> Response:
        kind, report = intake.trade_report(request.data)
        order = finding.find(order_id, by=self.principal)
        if kind != order.amount_type:
            raise OmsError(
                "amount_type_differs", f"Give it as {order.amount_type}.", field="amount"
            )
        result = desk.report_trade(
            order_id,
            execution_order_id,
            report,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        if result.error is not None:
            raise result.error
        made = result.execution
        return Response(
            {
                "order_id": order_id,
                "execution_order_id": execution_order_id,
                "external_trade_report_id": result.report_id,
                "client_external_trade_report_id": report.client_id,
                "status": "executed" if made is not None else "held",
                "reason": result.held.reason if result.held is not None else None,
                "execution": None if made is None else fills.wire(made, order.amount_type),
            },
            status=200 if result.replayed else 202,
        )


class ExecutionList(Endpoint):
    """The executions of an order."""

    @extend_schema(
        operation_id="execution_list",
        summary="List an order's executions",
        responses={200: schema.ExecutionPage, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, order_id: str) -> Response:
        order = finding.see(order_id, by=self.principal)
        rows = fills.of_order(order.id)
        return Response({"executions": [fills.wire(row, order.amount_type) for row in rows]})
