"""`/v1/trading/rfq/…`: ask dealers, see what they answer, counter, cancel; lists and batches."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks, envelope
from oms_site.journal import events
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError
from orders import desk, finding, render
from orders.api import execution_orders as eo
from orders.api import rfq_intake, rfq_schema, schema
from orders.api.base import Endpoint
from orders.desk.inquiring import AskResult
from orders.models import Order, Quote, Rfq
from orders.requests import Instruction
from orders.rfq import wire
from venues import dealers

_MOST = 500


class RfqList(Endpoint):
    """Requests for quotes."""

    @extend_schema(
        operation_id="rfq_create",
        summary="Ask dealers for quotes",
        description="Quotes come as `rfq_quote`; `asap` as they are made, `bin` all at `due_time`.",
        request=rfq_schema.RfqRequest,
        responses={202: rfq_schema.Rfq, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        kind, asked = rfq_intake.ask(request.data)
        order = finding.find(asked.order_id, by=self.principal)
        _same_kind(order, kind)
        (result,) = desk.ask(
            [asked], by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        if result.error is not None:
            raise result.error
        assert result.row is not None
        return Response(
            wire.rfq(result.row, order.amount_type, _quotes(result)),
            status=200 if result.replayed else 202,
            headers={"Idempotent-Replayed": "true"} if result.replayed else {},
        )

    @extend_schema(
        operation_id="rfq_list",
        summary="List requests for quotes",
        parameters=[OpenApiParameter(name, str) for name in ("order_id", "list_rfq_id", "status")],
        responses={200: rfq_schema.RfqPage, **bricks.errors(401)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        rows = Rfq.objects.filter(organization_id=self.principal.organization_id)
        given = request.query_params
        for name, column in (
            ("order_id", "order_id"),
            ("list_rfq_id", "list_id"),
            ("status", "status"),
        ):
            if given.get(name):
                rows = rows.filter(**{column: given[name]})
        found = rows.select_related("order").prefetch_related("quotes").order_by("-id")[:_MOST]
        return Response({"rfqs": [_view(row) for row in found]})


class RfqDetail(Endpoint):
    """One request for quotes: read it with its quotes, or want no more of them."""

    @extend_schema(
        operation_id="rfq_retrieve",
        summary="Get a request for quotes",
        responses={200: rfq_schema.Rfq, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, rfq_id: str) -> Response:
        return Response(_view(_find(self, rfq_id)))

    @extend_schema(
        operation_id="rfq_cancel",
        summary="Cancel a request for quotes",
        description="Refused while a hit waits for its dealer: `rfq_cancel_reject`.",
        responses={202: rfq_schema.RfqCancelAnswer, **bricks.errors(401, 403, 404)},
    )
    def delete(self, request: Request, rfq_id: str) -> Response:
        result = desk.cancel_rfq(
            rfq_id, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        body: dict[str, Any] = {
            "rfq_id": rfq_id,
            "cancel_request_id": result.cancel_id,
            "outcome": result.outcome,
        }
        if result.code is not None:
            body |= {"code": result.code, "reason": result.reason}
        return Response(body, status=202)


class RfqEvents(Endpoint):
    """What happened to one request for quotes."""

    @extend_schema(
        operation_id="rfq_event_list",
        summary="List the events of a request for quotes",
        responses={200: schema.EventPage, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, rfq_id: str) -> Response:
        self.principal.require("events.view")
        row = _find(self, rfq_id)
        frames = events.page(
            self.principal.organization_id, after=0, limit=1000, order_id=row.order_id
        )
        mine = [frame.wire() for frame in frames if f'"{rfq_id}"' in frame.wire()]
        return Response(f'{{"events":[{",".join(mine)}],"has_more":false}}'.encode())


class QuoteDetail(Endpoint):
    """One quote."""

    @extend_schema(
        operation_id="quote_retrieve",
        summary="Get a quote",
        responses={200: rfq_schema.Quote, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, quote_id: str) -> Response:
        self.principal.require("order.view")
        row = (
            Quote.objects.filter(pk=quote_id, organization_id=self.principal.organization_id)
            .select_related("rfq__order")
            .first()
        )
        if row is None:
            raise NotFound("quote")
        return Response(wire.quote(row, row.rfq.order.amount_type))


class QuoteCounter(Endpoint):
    """A counter to one quote."""

    @extend_schema(
        operation_id="quote_counter",
        summary="Ask a dealer for a better price",
        description="The quote cannot be hit any more; the dealer answers with another, or none.",
        request=rfq_schema.CounterRequest,
        responses={202: rfq_schema.Quote, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, rfq_id: str, quote_id: str) -> Response:
        shown = desk.counter(
            rfq_id,
            quote_id,
            price=rfq_intake.price(request.data),
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response(shown, status=202)


class ListRfq(Endpoint):
    """Many requests at once, each with its own outcome."""

    @extend_schema(
        operation_id="list_rfq_create",
        summary="Ask for quotes on a list of orders",
        request=rfq_schema.ListRequest,
        responses={202: rfq_schema.ListAnswer, **bricks.errors(401, 403, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        given = rfq_intake.asks(request.data)
        orders = [finding.find(one.order_id, by=self.principal) for _, one in given]
        for order, (kind, _) in zip(orders, given, strict=True):
            _same_kind(order, kind)
        list_id = ids.prefixed("lrfq")
        results = desk.ask(
            [one for _, one in given],
            by=self.principal,
            at=self.at,
            list_id=list_id,
            correlation_id=self.correlation_id,
        )
        lines = [
            _line(order.id, result.error, "rfq", result.row and _shown(result, order))
            for order, result in zip(orders, results, strict=True)
        ]
        return Response({"list_rfq_id": list_id, "results": lines}, status=202)


class ListRfqBatch(Endpoint):
    """Many AutoEx execution orders at once, each with its own outcome."""

    @extend_schema(
        operation_id="list_rfq_batch_create",
        summary="Ask and execute a list of orders automatically",
        request=rfq_schema.BatchRequest,
        responses={202: rfq_schema.ListAnswer, **bricks.errors(401, 403, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        given = rfq_intake.automatic_lines(request.data)
        lines = []
        for order_id, kind, instruction in given:
            order = finding.find(order_id, by=self.principal)
            _same_kind(order, kind)
            result = desk.execute(
                order_id,
                instruction,
                by=self.principal,
                at=self.at,
                correlation_id=self.correlation_id,
            )
            shown = result.row and render.execution_order(result.row, order.amount_type)
            lines.append(_line(order_id, result.error, "execution_order", shown))
        return Response({"list_rfq_id": ids.prefixed("lrfq"), "results": lines}, status=202)


class RfqManualCreate(eo.ExecutionOrderCreate):
    """An execution order that hits one quote."""

    protocol, strategy = "rfq", "manual"

    def read(self, data: Any) -> tuple[str, Instruction]:
        """The body of `rfq/manual`."""
        return rfq_intake.hit(data)

    @extend_schema(
        operation_id="execution_order_rfq_manual",
        summary="Hit a dealer's quote",
        description="Pending until the dealer's execution report; a refusal is its own event.",
        request=rfq_schema.HitRequest,
        responses={202: schema.ExecutionOrder, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        return super().post(request, order_id)


class RfqAutoExCreate(eo.ExecutionOrderCreate):
    """An execution order that asks dealers and hits by criteria."""

    protocol, strategy = "rfq", "auto_ex"

    def read(self, data: Any) -> tuple[str, Instruction]:
        """The body of `rfq/autoex`."""
        return rfq_intake.automatic(data)

    @extend_schema(
        operation_id="execution_order_rfq_autoex",
        summary="Ask dealers and execute by criteria",
        request=rfq_schema.AutoExRequest,
        responses={202: schema.ExecutionOrder, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        return super().post(request, order_id)


class DealerList(Endpoint):
    """Who can be asked for quotes."""

    @extend_schema(
        operation_id="dealer_list",
        summary="List dealers",
        responses={200: rfq_schema.DealerPage, **bricks.errors(401)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        return Response(
            {
                "dealers": [
                    {
                        "id": one.id,
                        "name": one.name,
                        "venue_id": one.venue_id,
                        "status": one.status,
                        "asset_classes": sorted(one.asset_classes),
                    }
                    for one in dealers.every()
                ]
            }
        )


def _find(endpoint: Endpoint, rfq_id: str) -> Rfq:
    endpoint.principal.require("order.view")
    row = (
        Rfq.objects.filter(pk=rfq_id, organization_id=endpoint.principal.organization_id)
        .select_related("order")
        .first()
    )
    if row is None:
        raise NotFound("request for quotes")
    return row


def _view(row: Rfq) -> dict[str, Any]:
    quotes = sorted(row.quotes.all(), key=lambda quote: (quote.received_at, quote.id))
    return wire.rfq(row, row.order.amount_type, quotes)


def _quotes(result: AskResult) -> list[Quote]:
    assert result.row is not None
    return list(result.row.quotes.order_by("received_at", "id")) if result.replayed else []


def _shown(result: AskResult, order: Order) -> dict[str, Any]:
    assert result.row is not None
    return wire.rfq(result.row, order.amount_type, _quotes(result))


def _line(order_id: str, error: OmsError | None, name: str, shown: Any) -> dict[str, Any]:
    if error is not None:
        return {"order_id": order_id, "status": error.status, "error": envelope.body(error)}
    return {"order_id": order_id, "status": 202, name: shown}


def _same_kind(order: Order, kind: str) -> None:
    if kind and kind != order.amount_type:
        raise OmsError("amount_type_differs", f"Give it as {order.amount_type}.", field="amount")
