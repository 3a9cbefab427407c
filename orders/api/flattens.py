"""`/v1/kill-switch/{id}/flatten/`: closing positions out under a halt, by two people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls.models import Halt
from oms_site.api import asked, bricks
from oms_site.api.shape import Reader
from oms_site.kit.errors import NotFound, OmsError
from orders.api import flattens_schema as shapes
from orders.api.base import Endpoint
from orders.flattening import deciding, proposing, sizing, views
from orders.models import Flatten

_PROPOSE = frozenset({"price", "collar_percent", "reason", "seen", "confirm"})
PRICES = ("limit", "market")
WIDEST = Decimal(20)
CONFIRM = "close out"


class FlattenList(Endpoint):
    """Proposing, and what was proposed."""

    @extend_schema(
        operation_id="flatten_list",
        summary="List what was proposed to be closed out under a kill switch",
        responses={200: shapes.Flattens, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, halt_id: str) -> Response:
        self.principal.require("order.view")
        owner = self.principal.organization_id
        if not Halt.objects.filter(pk=halt_id, organization_id=owner).exists():
            raise NotFound("kill switch")
        rows = views.of(owner).filter(halt_id=halt_id)[:50]
        return Response({"flattens": [views.view(row) for row in rows]})

    @extend_schema(
        operation_id="flatten_propose",
        summary="Propose to close out what is held under a kill switch",
        description=(
            "Only under a standing switch in mode `reducing`. With `dry_run=true` it answers what "
            "would be ordered, position by position, and `seen`; nothing is kept. Without, it "
            "takes that `seen` and `confirm` (`close out`) and waits ten minutes for a second "
            "person, who has the right to release. `price` `limit` sets limits `collar_percent` "
            "(at most 20) behind the reference price, `market` sets none. The orders then pass the "
            "gate as any other: regulatory controls, restricted lists, sessions, accounts and the "
            "rule that they only reduce hold; what other controls have to say is kept as evidence "
            "and stops none of them."
        ),
        parameters=[OpenApiParameter("dry_run", bool)],
        request=shapes.FlattenPropose,
        responses={
            200: shapes.FlattenPreview,
            202: shapes.FlattenDetail,
            **bricks.errors(401, 403, 404, 409, 422),
        },
    )
    def post(self, request: Request, halt_id: str) -> Response:
        self.principal.require(proposing.PROPOSE)
        dry_run = asked.flag(request, "dry_run")
        body = Reader(request.data)
        body.refuse_unknown(_PROPOSE)
        collar = _collar(body)
        reason = body.text("reason", required=not dry_run, longest=500) or ""
        seen = body.text("seen", required=not dry_run, longest=64) or ""
        confirm = body.text("confirm", required=not dry_run) or ""
        body.finish()
        halt = proposing.standing(halt_id, by=self.principal)
        if dry_run:
            found = sizing.lines(halt, collar=collar, at=self.at)
            lines = views.previewed(halt.organization_id, found)
            return Response({"halt_id": halt.id, "seen": sizing.seen(found), "lines": lines})
        _require(confirm)
        row = proposing.propose(
            halt, collar=collar, reason=reason, seen=seen, by=self.principal, at=self.at
        )
        return Response(_detail(row.id, self.principal.organization_id), status=202)


class FlattenDetail(Endpoint):
    """What became of every line."""

    @extend_schema(
        operation_id="flatten_detail",
        summary="Get a proposal to close out, with its lines and their orders",
        responses={200: shapes.FlattenDetail, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, flatten_id: str) -> Response:
        self.principal.require("order.view")
        return Response(_detail(flatten_id, self.principal.organization_id))


class FlattenApprove(Endpoint):
    """A second person agrees."""

    @extend_schema(
        operation_id="flatten_approve",
        summary="Agree to close out what was proposed",
        description=(
            "As another person than who proposed, with the right to release. `seen` is that of "
            "the proposal, `confirm` is `close out`. Its orders go out from the answer on."
        ),
        request=shapes.FlattenApprove,
        responses={202: shapes.FlattenDetail, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, flatten_id: str) -> Response:
        self.principal.require(proposing.APPROVE)
        body = Reader(request.data)
        body.refuse_unknown({"seen", "confirm"})
        seen = body.text("seen", required=True, longest=64) or ""
        confirm = body.text("confirm", required=True) or ""
        body.finish()
        _require(confirm)
        row = deciding.approve(flatten_id, seen=seen, by=self.principal, at=self.at)
        return Response(_detail(row.id, self.principal.organization_id), status=202)


class FlattenRefuse(Endpoint):
    """Somebody does not agree, or takes it back."""

    @extend_schema(
        operation_id="flatten_refuse",
        summary="Refuse to close out, or take one's own proposal back",
        request=shapes.FlattenRefuse,
        responses={200: shapes.FlattenDetail, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, flatten_id: str) -> Response:
        if not self.principal.may(proposing.PROPOSE):
            self.principal.require(proposing.APPROVE)
        body = Reader(request.data)
        body.refuse_unknown({"reason"})
        note = body.text("reason", required=True, longest=500) or ""
        body.finish()
        row = deciding.refuse(flatten_id, note=note, by=self.principal, at=self.at)
        return Response(_detail(row.id, self.principal.organization_id))


def _collar(body: Reader) -> Decimal | None:
    """How far in percent limits lie behind the reference; None for orders at the market."""
    limited = body.choice("price", PRICES, default="limit") == "limit"
    collar = body.decimal("collar_percent", required=limited, places=4)
    if not limited:
        if collar is not None:
            body.fault("collar_percent", "collar_forbidden", "At the market there is no limit.")
        return None
    if collar is not None and collar > WIDEST:
        body.fault("collar_percent", "collar_too_wide", f"Give at most {WIDEST} percent.")
    return collar


def _require(confirm: str) -> None:
    if confirm != CONFIRM:
        raise OmsError("not_confirmed", f"Write {CONFIRM!r} in `confirm`.", field="confirm")


def _detail(flatten_id: str, organization_id: str) -> dict[str, Any]:
    row: Flatten | None = views.of(organization_id).filter(pk=flatten_id).first()
    if row is None:
        raise NotFound("flatten")
    return {**views.view(row), "lines": views.results(row)}
