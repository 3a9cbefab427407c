"""`/v1/trading/order/{id}/schedule/`: work a staged order over time, pause it, go on, stop it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.api.shape import Reader
from oms_site.kit.errors import NotFound, OmsError
from orders import finding
from orders.api import extension_intake, intake, schedule_intake
from orders.api import schedules_schema as shapes
from orders.api.base import Endpoint
from orders.render import tidy
from orders.requests import SCHEDULED, Scheduled
from orders.schedules import commands, view

FIELDS = schedule_intake.PARAMETERS | {
    "amount",
    "annotation",
    "client_schedule_id",
    "limit_price",
    "strategy",
    "venue_id",
    *extension_intake.FIELDS,
}
TEXT = (
    "The quantity is cut into slices once; each is sent as an execution order when it is due, after"
    " passing the controls again. `twap` sends equal slices, `vwap` follows the market's volume"
    " curve, `implementation_shortfall` sends more at first by its `urgency`. What a slice does not"
    " fill goes on with the next one, never more than `max_slice` at once. Needs a policy that"
    " allows it (`allowed_schedules`)."
)


def read(value: Any) -> tuple[str, Scheduled]:
    """A request for a schedule. Returns the amount's type, empty without one, and the request."""
    body = Reader(value)
    body.refuse_unknown(FIELDS)
    given = body.value.get("amount") is not None
    kind, qty = intake.amount(body, "amount") if given else ("", Decimal(0))
    strategy = body.choice("strategy", SCHEDULED)
    price = body.decimal("limit_price")
    asked = Scheduled(
        protocol="limit_order_book",
        strategy=strategy,
        qty=qty,
        limit_price=None if price is None else tidy(price),
        venue_id=body.text("venue_id", longest=20) or "",
        client_schedule_id=body.text("client_schedule_id"),
        annotation=body.text("annotation", longest=2000) or "",
        parameters=schedule_intake.parameters(body, strategy),
        extension=extension_intake.read(body),
    )
    body.finish()
    return kind, asked


class ScheduleList(Endpoint):
    """The schedules of an order, and starting one."""

    @extend_schema(
        operation_id="schedule_list",
        summary="Get an order's schedules",
        description="Newest first, each with its slices and what became of them.",
        responses={200: shapes.Schedules, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, order_id: str) -> Response:
        order = finding.find(order_id, by=self.principal)
        return Response({"schedules": view.of_order(order, at=self.at)})

    @extend_schema(
        operation_id="schedule_create",
        summary="Work a staged order by a schedule",
        description=TEXT,
        request=shapes.ScheduleRequest,
        responses={
            200: shapes.Schedule,
            201: shapes.Schedule,
            **bricks.errors(401, 403, 404, 409, 422),
        },
    )
    def post(self, request: Request, order_id: str) -> Response:
        kind, asked = read(request.data)
        order = finding.find(order_id, by=self.principal)
        if kind not in ("", order.amount_type):
            raise OmsError(
                "amount_type_differs", f"Give it as {order.amount_type}.", field="amount"
            )
        made = commands.start(
            order_id, asked, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        if made.error is not None:
            raise made.error
        assert made.row is not None
        return Response(
            _shown(self, order_id, made.row.id),
            status=200 if made.replayed else 201,
            headers={"Idempotent-Replayed": "true"} if made.replayed else {},
        )


class SchedulePause(Endpoint):
    """No new slices for now."""

    @extend_schema(
        operation_id="schedule_pause",
        summary="Pause an order's schedule",
        description=(
            "What rests at venues is kept unless `cancel_resting` says otherwise. The end stays"
            " where it is."
        ),
        request=shapes.CancelResting,
        responses={200: shapes.Schedule, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        resting = schedule_intake.flag(request.data, "cancel_resting", default=False)
        row = commands.pause(
            order_id,
            by=self.principal,
            at=self.at,
            cancel_resting=resting,
            correlation_id=self.correlation_id,
        )
        return Response(_shown(self, order_id, row.id))


class ScheduleResume(Endpoint):
    """Go on."""

    @extend_schema(
        operation_id="schedule_resume",
        summary="Resume an order's schedule",
        description="What was missed is caught up with the slices that follow, within the limits.",
        request=None,
        responses={200: shapes.Schedule, **bricks.errors(401, 403, 404, 409)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        row = commands.resume(
            order_id, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        return Response(_shown(self, order_id, row.id))


class ScheduleCancel(Endpoint):
    """Stop for good."""

    @extend_schema(
        operation_id="schedule_cancel",
        summary="Stop an order's schedule",
        description=(
            "The order stays, staged, with what was not executed. What rests at venues is asked to"
            " stop unless `cancel_resting` is false."
        ),
        request=shapes.CancelResting,
        responses={200: shapes.Schedule, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, order_id: str) -> Response:
        resting = schedule_intake.flag(request.data, "cancel_resting", default=True)
        row = commands.cancel(
            order_id,
            by=self.principal,
            at=self.at,
            cancel_resting=resting,
            correlation_id=self.correlation_id,
        )
        return Response(_shown(self, order_id, row.id))


def _shown(endpoint: Endpoint, order_id: str, schedule_id: str) -> dict[str, Any]:
    order = finding.find(order_id, by=endpoint.principal)
    for found in view.of_order(order, at=endpoint.at):
        if found["schedule_id"] == schedule_id:
            return found
    raise NotFound("schedule")
