"""`/v1/kill-switch/`: what is halted, what a switch would stop, engaging one and releasing it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls import halts
from controls.models import Halt
from oms_site.api.shape import Reader
from oms_site.kit.errors import OmsError
from orders import halting
from orders.api import halts_schema, schema
from orders.api.base import Endpoint

_ENGAGE_FIELDS = frozenset({"scope", "target", "reason", "cancel_orders", "confirm"})


class KillSwitchList(Endpoint):
    """What stands in the caller's organization."""

    @extend_schema(
        operation_id="kill_switch_list",
        summary="List standing kill switches",
        responses={200: halts_schema.KillSwitches, **schema.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        rows = halts.standing(self.principal.organization_id)
        return Response({"kill_switches": [view(row) for row in rows]})

    @extend_schema(
        operation_id="kill_switch_engage",
        summary="Engage a kill switch",
        description=(
            "Nothing new passes in its scope from the answer on; cancels always do. `confirm` "
            "repeats the target (or `organization`), so that nobody does it by accident."
        ),
        request=halts_schema.KillSwitchEngage,
        responses={201: halts_schema.KillSwitch, **schema.errors(401, 403, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require(halts.ENGAGE)
        body = Reader(request.data)
        body.refuse_unknown(_ENGAGE_FIELDS)
        scope = body.choice("scope", halts.SCOPES)
        name = body.text("target", longest=80) or ""
        reason = body.text("reason", required=True, longest=500) or ""
        confirm = body.text("confirm", required=True, longest=80) or ""
        cancels = body.flag("cancel_orders", default=True)
        body.finish()
        if confirm != (name or scope):
            raise OmsError(
                "not_confirmed", f"Repeat {name or scope!r} in `confirm`.", field="confirm"
            )
        target = halting.target_of(scope, name, by=self.principal)
        row = halts.engage(target, reason=reason, cancels=cancels, by=self.principal, at=self.at)
        return Response(view(row), status=201)


class KillSwitchPreview(Endpoint):
    """What a switch would stop."""

    @extend_schema(
        operation_id="kill_switch_preview",
        summary="Preview a kill switch",
        description="`scope` and `target` as when engaging; nothing is changed.",
        responses={200: halts_schema.KillSwitchPreview, **schema.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        scope = request.query_params.get("scope", "")
        target = halting.target_of(scope, request.query_params.get("target", ""), by=self.principal)
        found = halting.preview(target, self.principal.organization_id)
        return Response({"scope": scope, "target": target.id, "name": target.name, **found})


class KillSwitchRequestRelease(Endpoint):
    """One person asks to trade again."""

    @extend_schema(
        operation_id="kill_switch_request_release",
        summary="Ask to release a kill switch",
        request=halts_schema.KillSwitchReason,
        responses={202: halts_schema.KillSwitch, **schema.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, halt_id: str) -> Response:
        body = Reader(request.data)
        body.refuse_unknown({"reason"})
        reason = body.text("reason", required=True, longest=500) or ""
        body.finish()
        row = halts.request_release(halt_id, reason=reason, by=self.principal, at=self.at)
        return Response(view(row), status=202)


class KillSwitchRelease(Endpoint):
    """Another person agrees."""

    @extend_schema(
        operation_id="kill_switch_release",
        summary="Release a kill switch",
        request=None,
        responses={200: halts_schema.KillSwitch, **schema.errors(401, 403, 404, 409)},
    )
    def post(self, request: Request, halt_id: str) -> Response:
        return Response(view(halting.release(halt_id, by=self.principal, at=self.at)))


def view(row: Halt) -> dict[str, Any]:
    """A kill switch as clients see it."""
    return {
        "id": row.id,
        "scope": row.scope,
        "target": row.target,
        "name": row.target_name,
        "status": str(row.status),
        "reason": row.reason,
        "cancel_orders": row.cancels,
        "engaged_by": row.engaged_by.username if row.engaged_by else None,
        "engaged_at": row.engaged_at,
        "flat_at": row.flat_at,
        "release_requested_by": (
            row.release_requested_by.username if row.release_requested_by else None
        ),
        "released_at": row.released_at,
    }
