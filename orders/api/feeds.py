"""`/v1/ops/feed/`: who is told of positions that change, and every delivery."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.feed import people, views
from oms_site.api import bricks
from oms_site.api.shape import whole
from oms_site.kit.errors import NotFound, OmsError
from orders.api import client_side_schema as shapes
from orders.api.base import Endpoint
from orders.api.clearing import limit
from orders.api.seen import text_of

_MOST_NUMBERS = 1000


class FeedList(Endpoint):
    """The endpoints of the valuation feed."""

    @extend_schema(
        operation_id="ops_feed_list",
        summary="List feed endpoints",
        responses={200: shapes.Feeds, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("ops.view")
        return Response({"endpoints": views.endpoints(self.principal.organization_id)})

    @extend_schema(
        operation_id="ops_feed_register",
        summary="Register a feed endpoint",
        description="Its secret is shown in this answer alone. Deliveries carry"
        " `X-Oems-Delivery-Id` and `X-Oems-Signature: t=<seconds>,v1=<HMAC-SHA256 of t.body>`.",
        request=shapes.FeedRegister,
        responses={201: shapes.FeedSecret, **bricks.errors(401, 403, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        row, secret = people.register(
            name=text_of(request.data, "name", longest=400).strip(),
            url=text_of(request.data, "url", longest=400).strip(),
            **self.told,
        )
        return Response({"endpoint_id": row.id, "secret": secret}, status=201)


class FeedStep(Endpoint):
    """Pause, resume or change the secret."""

    @extend_schema(
        operation_id="ops_feed_step",
        summary="Work on a feed endpoint",
        description="`step` is pause, resume or rotate, which answers a new secret.",
        request=None,
        responses={200: shapes.FeedAnswer, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, endpoint_id: str, step: str) -> Response:
        self.principal.require(people.MANAGE)
        answer: dict[str, Any] = {"endpoint_id": endpoint_id, "secret": None}
        match step:
            case "pause":
                people.pause(endpoint_id, **self.told)
            case "resume":
                people.resume(endpoint_id, **self.told)
            case "rotate":
                answer["secret"] = people.rotate(endpoint_id, **self.told)
            case _:
                raise NotFound("step")
        return Response(answer)


class FeedRedeliver(Endpoint):
    """Send dead deliveries again, under their own ids."""

    @extend_schema(
        operation_id="ops_feed_redeliver",
        summary="Redeliver",
        description="`numbers` of dead deliveries, or none for all of them.",
        request=shapes.FeedRedeliver,
        responses={200: shapes.FeedQueued, **bricks.errors(401, 403, 404, 422)},
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        self.principal.require(people.REPAIR)
        queued = people.redeliver(
            endpoint_id,
            _numbers(request.data),
            **self.told,
        )
        return Response({"endpoint_id": endpoint_id, "queued": queued})


class FeedDeliveryList(Endpoint):
    """Deliveries, newest first."""

    @extend_schema(
        operation_id="ops_feed_delivery_list",
        summary="List feed deliveries",
        parameters=[
            OpenApiParameter(name, str) for name in ("endpoint_id", "state", "limit", "cursor")
        ],
        responses={200: shapes.FeedDeliveries, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("ops.view")
        given, organization_id = request.query_params, self.principal.organization_id
        state = given.get("state", "")
        if state and state not in views.STATES:
            known = ", ".join(views.STATES)
            raise OmsError("state_unknown", f"Give one of {known}.", field="state")
        rows = views.deliveries(
            organization_id, endpoint_id=given.get("endpoint_id", ""), state=state
        )
        cursor = given.get("cursor", "")
        if cursor:
            if not cursor.isdigit() or len(cursor) > 18:
                raise OmsError("invalid_cursor", "Give a cursor as it was told.", field="cursor")
            rows = rows.filter(id__lt=int(cursor))
        most = limit(given.get("limit", "100"))
        found = list(rows[: most + 1])
        after = str(found[most - 1].pk) if len(found) > most else None
        shown = views.shown(organization_id, found[:most])
        return Response({"deliveries": shown, "next_cursor": after, "has_more": after is not None})


def _numbers(data: Any) -> list[int] | None:
    value = data.get("numbers") if isinstance(data, dict) else None
    if value is None:
        return None
    if not isinstance(value, list):
        raise OmsError("not_a_list", "Give a list of numbers.", field="numbers")
    if len(value) > _MOST_NUMBERS:
        raise OmsError("too_many", f"At most {_MOST_NUMBERS} at a time.", field="numbers")
    return [whole(one, field="numbers") for one in value]
