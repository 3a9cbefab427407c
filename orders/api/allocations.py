"""Allocations beside their orders: entered after the fact, released, and split by templates."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations import arrangements, post_trade, templates
from allocations.basis import Requested
from allocations.models import PostTradeEntry, Template
from allocations.post_trade import Ask
from oms_site.api import bricks, conditions
from oms_site.api.shape import Reader
from oms_site.kit.errors import NotFound
from orders import post_trade as entries
from orders.api import allocations_schema as shapes
from orders.api import paging
from orders.api.base import Endpoint
from orders.api.intake import amount
from orders.models import Order
from venues import instruments

_ASK = ("strategy", "client_allocation_id", "custodian_id", "account_allocations", "reason")


class OrderAllocate(Endpoint):
    """Say after the fact who is to get the fills of an order."""

    @extend_schema(
        operation_id="order_allocate",
        summary="Enter an allocation after the trade",
        description="Only where the policy says `post_trade_with_review`, for an order that was "
        "sent without an account and without allocations. Another person decides. Give "
        "`account_allocations`, or the name of a `template`. The same request with its "
        "`client_allocation_id` answers with what it made.",
        request=shapes.EntryRequest,
        responses={
            200: shapes.Entry,
            202: shapes.Entry,
            **bricks.errors(401, 403, 404, 409, 422),
        },
    )
    def post(self, request: Request, order_id: str) -> Response:
        self.principal.require("allocation.enter")
        reader = Reader(request.data)
        ask = self._template(reader, order_id) if reader.value.get("template") else _ask(reader)
        reader.finish()
        made = entries.enter(
            order_id, ask, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        if made.replayed:
            headers = {"Idempotent-Replayed": "true"}
            return Response(post_trade.shown([made.row])[0], status=200, headers=headers)
        return Response(post_trade.shown([made.row])[0], status=202)

    def _template(self, reader: Reader, order_id: str) -> Ask:
        reader.refuse_unknown(("template", "reason", "client_allocation_id", "custodian_id"))
        organization_id = self.principal.organization_id
        order = Order.objects.filter(id=order_id, organization_id=organization_id).first()
        if order is None:
            raise NotFound("order")
        split = templates.apply(
            reader.text("template", longest=60) or "",
            organization_id=organization_id,
            qty=order.cum_qty if order.is_terminal and order.cum_qty else order.order_qty,
            min_increment=instruments.by_id(order.instrument_id).min_increment,
        )
        return _asked(reader, split.strategy, split.requested)


class EntryList(Endpoint):
    """Entries after the fact."""

    @extend_schema(
        operation_id="allocation_entry_list",
        summary="List entries made after the fact, newest first",
        parameters=[OpenApiParameter(n, str) for n in ("status", "order_id", "limit", "cursor")],
        responses={200: shapes.EntryPage, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        given = request.query_params
        rows = PostTradeEntry.objects.filter(organization_id=self.principal.organization_id)
        for name in ("status", "order_id"):
            if given.get(name):
                rows = rows.filter(**{name: given[name]})
        page, cursor = paging.newest_first(rows, "requested_at", given)
        return Response(
            {
                "entries": post_trade.shown(page),
                "next_cursor": cursor,
                "has_more": cursor is not None,
            }
        )


class EntryDecision(Endpoint):
    """Agree to an entry, or not, as another person than who made it."""

    approve = True

    @extend_schema(
        summary="Decide on an entry made after the fact",
        request=shapes.EntryDecision,
        responses={200: shapes.Entry, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, entry_id: str) -> Response:
        self.principal.require("allocation.approve")
        reader = Reader(request.data)
        annotation = reader.text("annotation", required=True, longest=300) or ""
        reader.refuse_unknown(("annotation",))
        reader.finish()
        row = entries.decide(
            entry_id,
            approve=self.approve,
            annotation=annotation,
            by=self.principal,
            at=self.at,
            correlation_id=self.correlation_id,
        )
        return Response(post_trade.shown([row])[0])


class AllocationRelease(Endpoint):
    """Let the bookings of an allocation go that a rule holds back."""

    conditional = {"post": "allocation_id"}

    @extend_schema(
        operation_id="allocation_release",
        summary="Release an allocation's bookings",
        parameters=[conditions.IF_MATCH],
        request=None,
        responses={202: shapes.Release, **bricks.errors(400, 401, 403, 404, 409, 412)},
    )
    def post(self, request: Request, allocation_id: str) -> Response:
        row = entries.release(
            allocation_id, by=self.principal, at=self.at, correlation_id=self.correlation_id
        )
        return Response({"allocation_id": row.id, "released_at": row.released_at}, status=202)


class TemplateList(Endpoint):
    """The organization's named splits."""

    @extend_schema(
        operation_id="allocation_template_list",
        summary="List allocation templates",
        responses={200: shapes.TemplatePage, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        return Response({"templates": templates.listed(self.principal.organization_id)})


class TemplateDetail(Endpoint):
    """Make, replace or retire one named split."""

    @extend_schema(
        operation_id="allocation_template_put",
        summary="Make or replace an allocation template",
        request=shapes.TemplateRequest,
        responses={200: shapes.Template, **bricks.errors(401, 403, 422)},
    )
    def put(self, request: Request, name: str) -> Response:
        self.principal.require("allocation.enter")
        reader = Reader(request.data)
        strategy = reader.text("strategy", required=True, longest=32) or ""
        shares = []
        for one in reader.objects("shares", most=1000):
            account_id = one.text("account_id", required=True) or ""
            percent = one.decimal("percent", required=True, places=4) or Decimal(0)
            one.refuse_unknown(("account_id", "percent"))
            shares.append((account_id, percent))
        reader.refuse_unknown(("strategy", "shares"))
        if len(name) > 60:
            reader.fault("name", "too_long", "Give at most 60 characters.")
        reader.finish()
        row = templates.put(name, strategy=strategy, shares=shares, by=self.principal)
        fresh = Template.objects.prefetch_related("shares__account").get(pk=row.pk)
        return Response(templates.view(fresh))

    @extend_schema(
        operation_id="allocation_template_retire",
        summary="Retire an allocation template",
        responses={204: None, **bricks.errors(401, 403, 404)},
    )
    def delete(self, request: Request, name: str) -> Response:
        templates.retire(name, by=self.principal)
        return Response(status=204)


class TemplatePreview(Endpoint):
    """What a template makes of an amount: to be changed and sent as `allocations`."""

    @extend_schema(
        operation_id="allocation_template_preview",
        summary="Split an amount by a template",
        request=shapes.TemplatePreviewRequest,
        responses={200: shapes.TemplatePreview, **bricks.errors(401, 403, 404, 422)},
    )
    def post(self, request: Request, name: str) -> Response:
        self.principal.require("order.view")
        reader = Reader(request.data)
        qty = reader.decimal("amount", required=True, places=6) or Decimal(0)
        named = reader.text("instrument_id", required=True) or ""
        reader.refuse_unknown(("amount", "instrument_id"))
        reader.finish()
        facts = instruments.find(named)
        if facts is None:
            raise NotFound("instrument")
        split = templates.apply(
            name,
            organization_id=self.principal.organization_id,
            qty=qty,
            min_increment=facts.min_increment,
        )
        kind = facts.amount_type
        return Response(
            {
                "strategy": split.strategy,
                "account_allocations": [
                    {
                        "account_id": one.account_id,
                        "requested_amount": {"type": kind, "value": one.qty},
                    }
                    for one in split.requested
                ],
            }
        )


class BookingConfigurationDetail(Endpoint):
    """What a custodian is told with every booking."""

    @extend_schema(
        operation_id="booking_configuration_put",
        summary="Set a custodian's booking configuration",
        description="Makes the next version; legs that were made under the one before keep it.",
        request=shapes.BookingConfigurationRequest,
        responses={200: shapes.BookingConfiguration, **bricks.errors(401, 403, 422)},
    )
    def put(self, request: Request, custodian_id: str) -> Response:
        self.principal.require("config.manage")
        reader = Reader(request.data)
        kind = reader.text("booking_type", required=True, longest=16) or ""
        told = reader.text("instructions", longest=200) or ""
        reader.refuse_unknown(("booking_type", "instructions"))
        reader.finish()
        row = arrangements.configure(
            custodian_id, booking_type=kind, instructions=told, by=self.principal, at=self.at
        )
        return Response(
            {
                "custodian_id": row.custodian_id,
                "number": row.number,
                "booking_type": row.booking_type,
                "instructions": row.instructions,
            }
        )


# --- reading what was asked ------------------------------------------------------------------
def _ask(reader: Reader) -> Ask:
    reader.refuse_unknown(_ASK)
    wanted = []
    for one in reader.objects("account_allocations", most=1000):
        one.refuse_unknown({"account_id", "client_account_allocation_id", "requested_amount"})
        _, qty = amount(one, "requested_amount")
        account_id = one.text("account_id", required=True) or ""
        own = one.text("client_account_allocation_id") or ""
        wanted.append(Requested(account_id, qty, own))
    strategy = reader.text("strategy", required=True, longest=32) or ""
    return _asked(reader, strategy, tuple(wanted))


def _asked(reader: Reader, strategy: str, wanted: Any) -> Ask:
    return Ask(
        strategy=strategy,
        accounts=tuple(wanted),
        reason=reader.text("reason", longest=300) or "",
        client_allocation_id=reader.text("client_allocation_id"),
        custodian_id=reader.text("custodian_id"),
    )
