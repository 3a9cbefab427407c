"""Allocations, accounts, events, reviews and metadata: what clients read beside orders."""

from __future__ import annotations

from datetime import timedelta

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations import accounts, wire
from allocations.models import Allocation
from oms_site.api import asked, bricks, conditions
from oms_site.firm import policies
from oms_site.journal import events, feed
from oms_site.kit.errors import NotFound, OmsError
from orders import desk, milestones, sides, states
from orders.api import schema
from orders.api.base import Endpoint
from orders.models import Order


class AllocationDetail(Endpoint):
    """One allocation: read it, or withdraw it."""

    conditional = {"delete": "allocation_id"}

    @extend_schema(
        operation_id="allocation_retrieve",
        summary="Get an allocation",
        responses={200: schema.Allocation, **bricks.errors(401, 404)},
    )
    def get(self, request: Request, allocation_id: str) -> Response:
        self.principal.require("order.view")
        row = Allocation.objects.filter(
            id=allocation_id, organization_id=self.principal.organization_id
        ).first()
        if row is None:
            raise NotFound("allocation")
        parts = list(row.accounts.order_by("position"))
        told = wire.view(row, parts, list(row.legs.order_by("sequence")))
        marks = Order.objects.filter(pk=row.order_id).values_list("short_sale", flat=True)
        # Allocations know which way it goes; its side is called as its order's is.
        told["side"] = sides.named(row.side, marks.first())
        return Response(told, headers=conditions.etag(row.version))

    @extend_schema(
        operation_id="allocation_cancel",
        summary="Withdraw an allocation",
        description="The outcome comes as `allocation_cancel` or `cancel_allocation_reject`.",
        parameters=[conditions.IF_MATCH],
        responses={202: schema.AllocationCancel, **bricks.errors(400, 401, 403, 404, 412)},
    )
    def delete(self, request: Request, allocation_id: str) -> Response:
        result = desk.cancel_allocation(
            allocation_id, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        body = {
            "allocation_id": result.allocation_id,
            "status": result.status,
            "outcome": "refused" if result.refusal else "canceled",
            "code": result.refusal or None,
        }
        return Response(body, status=202)


class AccountList(Endpoint):
    """The accounts a key may trade."""

    @extend_schema(
        operation_id="account_list",
        summary="List accounts",
        parameters=[OpenApiParameter(name, str) for name in ("account_type", "category")],
        responses={200: schema.AccountPage, **bricks.errors(401)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        wanted = request.query_params
        rows = accounts.accounts_of(self.principal.organization_id)
        return Response(
            {
                "accounts": [
                    {
                        "id": row.id,
                        "account_id": row.id,
                        "code": row.code,
                        "name": row.name,
                        "status": row.status,
                        "custodian_id": row.custodian_id,
                        "risk_group_id": row.risk_group_id,
                        "currency": row.currency,
                        # Without a list it may hold any.
                        "currencies": [row.currency, *row.currencies] if row.currencies else None,
                        "account_type": row.account_type,
                        "categories": list(row.categories),
                        "sleeve_of": row.sleeve_of or None,
                        "sleeves": list(row.sleeves),
                    }
                    for row in rows
                    if wanted.get("account_type", row.account_type) == row.account_type
                    and wanted.get("category", "") in ("", *row.categories)
                ]
            }
        )


# Of an order for this account, alone or among those of a block.
_OF_ACCOUNT = """
EXISTS (
    SELECT 1 FROM orders_order o
    WHERE o.id = COALESCE(NULLIF(e.order_id, ''), e.subject)
        AND (o.account_id = %s OR EXISTS (
            SELECT 1 FROM allocations_accountallocation a
            WHERE a.allocation_id = o.allocation_id AND a.account_id = %s)))
"""


class EventList(Endpoint):
    """Everything that happened, in order, for as far back as the caller may look."""

    @extend_schema(
        operation_id="event_list",
        summary="List events",
        description=(
            "The last two days; further back with the entitlement events.history. With "
            "`milestones` the milestones `validated`, `routed` and `accepted` stand among the "
            "events, made from them and without a number of their own; with `event_type` those "
            "made from events of that type."
        ),
        parameters=[
            *(
                OpenApiParameter(name, str)
                for name in ("account_id", "after", "event_type", "limit", "order_id")
            ),
            OpenApiParameter("milestones", bool),
        ],
        responses={200: schema.EventPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("events.view")
        filters = request.query_params
        organization = self.principal.organization_id
        since = None
        if not self.principal.may("events.history"):
            hours = policies.of(organization, at=self.at)["events_window_hours"]
            since = self.at - timedelta(hours=hours)
        limit = _whole(filters.get("limit", "100"), "limit", least=1, most=1000)
        account_id = filters.get("account_id", "")
        after = _whole(filters.get("after", "0"), "after", most=2**63 - 1)
        chosen: events.Chosen = {
            "since": since,
            "order_id": filters.get("order_id", ""),
            "also": (_OF_ACCOUNT, [account_id, account_id]) if account_id else None,
        }
        only = filters.get("event_type", "")
        frames = events.page(organization, after=after, limit=limit, event_type=only, **chosen)
        told = [frame.wire() for frame in frames]
        if asked.flag(request, "milestones"):
            full = len(frames) == limit
            # Who asks for one type gets the milestones of that type: of the others there may be
            # any number between two of these.
            hidden = (
                []
                if only
                else events.unnumbered(
                    organization,
                    event_type=milestones.UNNUMBERED,
                    after=feed.position_of(organization, after),
                    until=frames[-1].position if full else None,
                    **chosen,
                )
            )
            told = milestones.among([*frames, *hidden])
        body = ",".join(told)
        last = f'"{frames[-1].number}"' if frames else "null"
        more = "true" if len(frames) == limit else "false"
        return Response(
            f'{{"events":[{body}],"last_msg_number":{last},"has_more":{more}}}'.encode()
        )


class RequestStatus(Endpoint):
    """The states, and what is allowed in each: clients ask instead of hard-coding."""

    @extend_schema(
        operation_id="request_status_list",
        summary="List order states and their operations",
        responses={200: schema.StatusPage},
    )
    def get(self, request: Request) -> Response:
        policy = policies.of(self.principal.organization_id, at=self.at)
        amends = policy["order_amendment"] == "replace_chain"
        return Response({"statuses": [_status(s, amends=amends) for s in states.OrderStatus]})


def _status(status: states.OrderStatus, *, amends: bool) -> dict[str, object]:
    executable = status in states.ORDER_EXECUTABLE
    return {
        "code": status.value,
        "fix_ord_status": states.FIX_ORD_STATUS[status],
        "is_completed": status in states.ORDER_TERMINAL,
        "can_cancel": status in states.ORDER_OPEN,
        "can_execute": executable,
        "can_decide": status == states.OrderStatus.PENDING_APPROVAL,
        "can_amend": amends and status in states.ORDER_OPEN,
    }


def _whole(text: str, field: str, *, least: int = 0, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    raise OmsError("invalid_filter", f"Give a whole number from {least} to {most}.", field=field)
