"""`/v1/trading/order-group/`: making groups, looking at them, resetting what was locked."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls import order_groups
from controls.models import OrderGroup
from controls.models.order_group import LONGEST_WINDOW_S
from oms_site.api import bricks
from oms_site.api.shape import Reader
from orders import halting
from orders.api import order_groups_schema as shapes
from orders.api.base import Endpoint
from orders.render import tidy
from orders.stopping import selecting, waiting
from orders.stopping.selecting import Selection

_FIELDS = frozenset({"name", "limit", "window_s", "client_order_group_id"})
WINDOW_S = 15


class OrderGroupList(Endpoint):
    """An organization's groups, and making one."""

    @extend_schema(
        operation_id="order_group_list",
        summary="List order groups",
        responses={200: shapes.OrderGroups, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        rows = order_groups.newest(self.principal.organization_id)
        return Response({"order_groups": [view(row) for row in rows]})

    @extend_schema(
        operation_id="order_group_create",
        summary="Make an order group",
        description=(
            "Orders join it by `order_group_id`. When more than `limit` of them, in par or shares, "
            "is filled within any `window_s` seconds (15), every open order in it is asked to stop "
            "and it takes no new one until it is reset."
        ),
        request=shapes.OrderGroupCreate,
        responses={
            200: shapes.OrderGroup,
            201: shapes.OrderGroup,
            **bricks.errors(401, 403, 409, 422),
        },
    )
    def post(self, request: Request) -> Response:
        self.principal.require(order_groups.SUBMIT)
        body = Reader(request.data)
        body.refuse_unknown(_FIELDS)
        name = body.text("name", required=True, longest=80) or ""
        limit = body.decimal("limit", required=True, places=6)
        window = body.decimal("window_s", places=0)
        client_id = body.text("client_order_group_id")
        seconds = WINDOW_S if window is None else int(window)
        if not 1 <= seconds <= LONGEST_WINDOW_S:
            body.fault("window_s", "out_of_range", f"Give 1 to {LONGEST_WINDOW_S} seconds.")
        body.finish()
        assert limit is not None
        row, fresh = order_groups.create(
            name=name,
            limit_qty=limit,
            window_s=seconds,
            by=self.principal,
            at=self.at,
            client_id=client_id,
        )
        return Response(
            view(order_groups.find(row.id, organization_id=row.organization_id)),
            status=201 if fresh else 200,
        )


class OrderGroupDetail(Endpoint):
    """One group and what of it is still alive."""

    @extend_schema(
        operation_id="order_group_detail",
        summary="Get an order group",
        responses={200: shapes.OrderGroupDetail, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, order_group_id: str) -> Response:
        self.principal.require("order.view")
        row = order_groups.find(order_group_id, organization_id=self.principal.organization_id)
        wanted = Selection(organization_id=row.organization_id, order_group=row.id)
        return Response(
            {
                **view(row),
                "alive": selecting.alive(wanted).count(),
                "not_proven_gone": waiting.on(wanted),
            }
        )


class OrderGroupReset(Endpoint):
    """Trading again."""

    @extend_schema(
        operation_id="order_group_reset",
        summary="Reset a locked order group",
        description="Only once every order in it is proven gone (409 `not_flat` before that).",
        request=None,
        responses={200: shapes.OrderGroup, **bricks.errors(401, 403, 404, 409)},
    )
    def post(self, request: Request, order_group_id: str) -> Response:
        halting.reset_group(order_group_id, by=self.principal, at=self.at)
        owner = self.principal.organization_id
        return Response(view(order_groups.find(order_group_id, organization_id=owner)))


def view(row: OrderGroup) -> dict[str, Any]:
    """A group as clients see it."""
    return {
        "id": row.id,
        "client_order_group_id": row.client_order_group_id,
        "name": row.name,
        "limit": tidy(row.limit_qty),
        "window_s": row.window_s,
        "status": str(row.status),
        "locks": row.locks,
        "locked_at": row.locked_at,
        "filled": None if row.locked_qty is None else tidy(row.locked_qty),
        "counted_from": row.counted_from,
        "created_by": row.created_by.username,
        "created_at": row.created_at,
        "reset_by": row.reset_by.username if row.reset_by else None,
    }
