"""`/v1/trading/order/`: create, read, list and cancel orders; decide on flagged ones."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import asked, bricks, conditions, strict_json
from oms_site.api.shape import Reader
from oms_site.firm import policies
from oms_site.kit.errors import OmsError
from oms_site.throttling import middleware as rates
from oms_site.throttling.limits import Lane
from orders import desk, finding, notional, render
from orders.api import amendments, answers, intake, reviews, reviews_schema, schema
from orders.api.base import Endpoint
from orders.desk import Result, dropping
from orders.models import ExecutionOrder, Order
from orders.requests import SubmitRequest
from orders.revisions import history

BULK_MOST = 500


class OrderList(Endpoint):
    """Create one order, or read many."""

    @extend_schema(
        operation_id="order_create",
        summary="Create an order",
        description=schema.CREATE_TEXT,
        parameters=[
            OpenApiParameter("dry_run", bool, description="Say what would happen, create nothing.")
        ],
        request=schema.OrderRequest,
        responses={
            201: schema.Order,
            200: schema.Order,
            **bricks.errors(400, 401, 403, 409, 413, 422, 503),
        },
    )
    def post(self, request: Request) -> Response:
        self.principal.require("order.submit")
        wanted = SubmitRequest(
            intake.order(request.data),
            self.principal,
            self.at,
            self.correlation_id,
            intake.idempotency_key(request.headers.get("Idempotency-Key", "")),
        )
        if asked.flag(request, "dry_run"):
            return Response(desk.preview(wanted))
        (result,) = desk.submit([wanted])
        status, body, headers = answers.of_submit(result)
        return Response(body, status=status, headers=headers)

    @extend_schema(
        operation_id="order_list",
        summary="List orders, newest first",
        parameters=[OpenApiParameter(name, str) for name in sorted(finding.FILTERS)],
        responses={200: schema.OrderPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        rows, cursor = finding.page(request.query_params.dict(), by=self.principal)
        return Response(
            {
                "orders": [_listed(row) for row in rows],
                "next_cursor": cursor,
                "has_more": cursor is not None,
            }
        )


def _listed(row: Order) -> dict[str, Any]:
    """An order of a list, with whose it is: lists show those of organizations below too."""
    told = msgspec.structs.asdict(render.view(row))
    told = {name: value for name, value in told.items() if value is not msgspec.UNSET}
    return told | {"organization_id": row.organization_id}


class OrderBulk(Endpoint):
    """Create up to 500 orders; each answers for itself."""

    @extend_schema(
        operation_id="order_bulk_create",
        summary="Create many orders",
        request=schema.BulkRequest,
        responses={200: schema.BulkResult, 207: schema.BulkResult, **bricks.errors(400, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require("order.submit")
        items = request.data.get("orders") if isinstance(request.data, dict) else request.data
        if not isinstance(items, list) or not 1 <= len(items) <= BULK_MOST:
            raise OmsError("invalid_bulk", f"Give 1 to {BULK_MOST} orders.", field="orders")
        rates.charge_more(request._request, self.principal, Lane.ORDERS, len(items) - 1)
        results = self._submit(items)
        failed = any(result.error for result in results)
        return Response(
            b'{"results":[' + b",".join(_item(r) for r in results) + b"]}",
            status=207 if failed else 200,
        )

    def _submit(self, items: list[Any]) -> list[Result]:
        results: list[Result] = []
        read: list[tuple[int, SubmitRequest]] = []
        for n, item in enumerate(items):
            results.append(Result())
            try:
                ask = intake.order(item)
                request = SubmitRequest(ask, self.principal, self.at, self.correlation_id)
                read.append((n, request))
            except OmsError as refusal:
                results[n].error = refusal
        for (n, _), result in zip(read, desk.submit([r for _, r in read]), strict=True):
            results[n] = result
        return results


def _item(result: Result) -> bytes:
    status, body, _ = answers.of_submit(result)
    name = "error" if result.error else "order"
    return b'{"status":%d,"%s":%s}' % (status, name.encode(), body)


class OrderDetail(Endpoint):
    """One order: read it, or ask it to stop."""

    conditional = {"delete": "order_id", "patch": "order_id"}

    @extend_schema(
        operation_id="order_retrieve",
        summary="Get an order",
        responses={200: schema.Order, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, order_id: str) -> Response:
        order = finding.see(order_id, by=self.principal)
        body = bytes(render.order_json(order))
        below = ExecutionOrder.objects.filter(order_id=order.id).order_by("id")
        extra = strict_json.dumps([render.execution_order(row, order.amount_type) for row in below])
        pinned = strict_json.dumps(_policy(order))
        past = {
            "organization_id": order.organization_id,
            "revisions": history.revisions(order),
            "amendments": history.amendments(order),
            "money": notional.view(notional.of_order(order.id)),
            "rejected_accounts": dropping.of_allocation(order.allocation_id, order.amount_type),
        }
        answer = body[:-1] + b',"policy":' + pinned + b',"execution_orders":' + extra
        answer += b"," + strict_json.dumps(past)[1:]
        return Response(answer, headers=conditions.etag(order.version))

    @extend_schema(
        operation_id="order_cancel",
        summary="Ask an order to stop",
        description="Always 202 for a visible order: the outcome comes as `cancel` or "
        "`cancel_reject` (CxlRejReason 102: 0 too late, 3 already pending). "
        + conditions.LEAVE_OUT_TO_STOP,
        parameters=[conditions.IF_MATCH],
        responses={202: schema.CancelAnswer, **bricks.errors(400, 401, 403, 404, 412)},
    )
    def delete(self, request: Request, order_id: str) -> Response:
        (result,) = desk.cancel(
            [order_id], by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        return Response(answers.of_cancel(result), status=202)

    @extend_schema(
        operation_id="order_partial_update",
        summary="Amend an order",
        description=amendments.TEXT,
        parameters=[conditions.IF_MATCH],
        request=schema.AmendRequest,
        responses={202: schema.AmendAnswer, **bricks.errors(400, 401, 403, 404, 409, 412, 422)},
    )
    def patch(self, request: Request, order_id: str) -> Response:
        return amendments.answer(
            order_id,
            request.data,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )


class OrderDecision(Endpoint):
    """Approve or reject a flagged order."""

    approve = True
    conditional = {"post": "order_id"}

    @extend_schema(
        summary="Decide on a flagged order",
        description="Needs the entitlement order.release and another person than the submitter.",
        parameters=[conditions.IF_MATCH],
        request=reviews_schema.DecisionRequest,
        responses={
            202: reviews_schema.DecisionAnswer,
            **bricks.errors(400, 401, 403, 404, 409, 412, 422),
        },
    )
    def post(self, request: Request, order_id: str) -> Response:
        word = "approve" if self.approve else "reject"
        body = Reader(request.data)
        body.refuse_unknown(
            {
                *("annotation", "reason_code", "reasons", "subject_version"),
                f"client_manual_{word}_id",
            }
        )
        annotation = body.text("annotation", longest=2000) or ""
        client_id = body.text(f"client_manual_{word}_id") or ""
        version, reasons = reviews.version_of(body), reviews.reasons_of(body)
        body.finish()
        decision = desk.decide(
            order_id,
            approve=self.approve,
            annotation=annotation,
            client_decision_id=client_id,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
            subject_version=version,
            reasons=reasons,
        )
        if decision.error is not None:
            raise decision.error
        head = strict_json.dumps(
            {
                "order_id": order_id,
                f"manual_{word}_id": decision.decision_id,
                f"client_manual_{word}_id": client_id or None,
                "approvals": decision.approvals,
                "approvals_required": decision.approvals_required,
            }
        )
        return Response(head[:-1] + b',"order":' + decision.body + b"}", status=202)


def _policy(order: Order) -> dict[str, Any] | None:
    """The version that the order was accepted under; it keeps it whatever is agreed later."""
    held = policies.pinned(order.organization_id, order.policy_id)
    if held is None:
        return None
    return {"version": held.version, "preset": held.preset, "effective_at": held.effective_at}
