"""`/v1/ops/give-up/`: booked shares that another firm is to clear."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from allocations import giving_up
from allocations.models import GiveUp
from oms_site.api import bricks
from oms_site.api.bricks import moment, shape, text
from oms_site.api.shape import Reader
from orders.api import paging
from orders.api.base import Endpoint

_FIELDS = ("booking_id", "clearing_firm_id", "quantity", "reason")


def _number() -> s.DecimalField:
    return s.DecimalField(max_digits=24, decimal_places=10, coerce_to_string=False)


GiveUpRequest = shape(
    "GiveUpRequest",
    booking_id=s.CharField(),
    clearing_firm_id=s.CharField(),
    quantity=s.DecimalField(
        max_digits=24,
        decimal_places=6,
        coerce_to_string=False,
        required=False,
        allow_null=True,
        help_text="a part of the booking; all of it when left out",
    ),
    reason=s.CharField(),
)
GiveUpDecision = shape("GiveUpDecision", approve=s.BooleanField(), note=text())
GiveUpAnswer = shape(
    "GiveUp",
    id=s.CharField(),
    give_up_id=s.CharField(),
    allocation_id=s.CharField(),
    order_id=s.CharField(),
    booking_id=s.CharField(),
    kind=s.ChoiceField(["give_up", "step_out"]),
    alloc_type=s.IntegerField(help_text="FIX 626: 17 give-up, 18 take-up, 19 refused take-up"),
    clearing_firm_id=s.CharField(),
    clearing_booking_id=text(),
    amount=shape("GiveUpAmount", type=s.CharField(), value=_number())(),
    status=s.ChoiceField(["requested", "refused", "given", "taken_up", "turned_down"]),
    reason=s.CharField(),
    requested_at=moment(),
    decided_at=moment(),
    answered_at=moment(),
    annotation=text(),
)
GiveUpPage = shape(
    "GiveUpPage",
    give_ups=s.ListField(child=GiveUpAnswer()),
    next_cursor=s.CharField(allow_null=True),
    has_more=s.BooleanField(),
)


class GiveUpList(Endpoint):
    """Ask for one, or read many."""

    @extend_schema(
        operation_id="ops_give_up_create",
        summary="Ask that another firm clears a booked share",
        description="All of a booking (give-up) or a `quantity` of it (step-out). Another person "
        "decides. Then the booking is taken back and the same shares and money are booked again: "
        "the clearing booking at the firm, the rest where it was.",
        request=GiveUpRequest,
        responses={202: GiveUpAnswer, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require(giving_up.ASK)
        reader = Reader(request.data)
        reader.refuse_unknown(_FIELDS)
        booking_id = reader.text("booking_id", required=True) or ""
        firm = reader.text("clearing_firm_id", required=True) or ""
        qty = reader.decimal("quantity", places=6)
        reason = reader.text("reason", required=True, longest=300) or ""
        reader.finish()
        row = giving_up.request(
            booking_id,
            clearing_firm_id=firm,
            qty=qty,
            reason=reason,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response(giving_up.view(row), status=202)

    @extend_schema(
        operation_id="ops_give_up_list",
        summary="List give-ups, newest first",
        parameters=[OpenApiParameter(n, str) for n in ("status", "order_id", "limit", "cursor")],
        responses={200: GiveUpPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("ops.view")
        given = request.query_params
        rows = GiveUp.objects.filter(organization_id=self.principal.organization_id)
        if given.get("status"):
            rows = rows.filter(status=given["status"])
        if given.get("order_id"):
            rows = rows.filter(allocation__order_id=given["order_id"])
        page, cursor = paging.newest_first(rows.select_related("allocation"), "requested_at", given)
        return Response(
            {
                "give_ups": [giving_up.view(row) for row in page],
                "next_cursor": cursor,
                "has_more": cursor is not None,
            }
        )


class GiveUpDecide(Endpoint):
    """Agree to a give-up, or not, as another person than who asked."""

    @extend_schema(
        operation_id="ops_give_up_decide",
        summary="Decide on a give-up",
        request=GiveUpDecision,
        responses={200: GiveUpAnswer, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, give_up_id: str) -> Response:
        self.principal.require(giving_up.DECIDE)
        reader = Reader(request.data)
        reader.refuse_unknown(("approve", "note"))
        if not isinstance(reader.value.get("approve"), bool):
            reader.fault("approve", "invalid_type", "Give true or false.")
        approve = reader.flag("approve")
        note = reader.text("note", longest=300) or ""
        reader.finish()
        row = giving_up.decide(
            give_up_id,
            approve=approve,
            note=note,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response(giving_up.view(row))
