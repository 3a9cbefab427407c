"""`/v1/trading/rfq/…`: ask dealers, see what they answer, counter, hit, cancel."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.journal import events
from oms_site.kit.errors import NotFound
from orders import desk, finding
from orders.api import execution_orders as eo
from orders.api import rfq_answers as answers
from orders.api import rfq_intake, rfq_schema, schema
from orders.api.base import Endpoint
from orders.models import Quote, Rfq
from orders.requests import Instruction
from orders.rfq import decisions, wire
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
        answers.same_kind(order, kind)
        (result,) = desk.ask(
            [asked], by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        if result.error is not None:
            raise result.error
        assert result.row is not None
        return Response(
            answers.asked(result, order, by=self.principal),
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
        found = (
            rows.select_related("order")
            .prefetch_related("quotes", "rounds")
            .order_by("-id")[:_MOST]
        )
        return Response({"rfqs": [answers.view(row, by=self.principal) for row in found]})


class RfqDetail(Endpoint):
    """One request for quotes: read it with its quotes, or want no more of them."""

    @extend_schema(
        operation_id="rfq_retrieve",
        summary="Get a request for quotes",
        responses={200: rfq_schema.Rfq, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, rfq_id: str) -> Response:
        return Response(answers.view(_find(self, rfq_id), by=self.principal))

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


class RfqDecisions(Endpoint):
    """Why a quote was hit, or none: every look at one request for quotes."""

    @extend_schema(
        operation_id="rfq_decision_list",
        summary="List the decisions about a request for quotes",
        description="Each look of the criteria in words, with the quotes that could be hit then.",
        responses={200: rfq_schema.DecisionPage, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, rfq_id: str) -> Response:
        return Response({"decisions": decisions.of_inquiry(_find(self, rfq_id))})


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
        every = self.principal.may(answers.EVERY_LAYER)
        return Response(wire.quote(row, row.rfq.order.amount_type, every_layer=every))


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
    rows = Rfq.objects.filter(pk=rfq_id, organization_id=endpoint.principal.organization_id)
    row = rows.select_related("order").first()
    if row is None:
        raise NotFound("request for quotes")
    return row
