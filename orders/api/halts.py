"""`/v1/kill-switch/`: what is halted, what a switch would stop, engaging one and releasing it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls import breakers, halts
from controls.models import Halt
from oms_site.api import bricks
from oms_site.api.shape import Reader
from oms_site.kit.errors import Forbidden, NotFound, OmsError
from orders import halting
from orders.api import halts_schema
from orders.api.base import Endpoint
from orders.stopping import selecting, sizing, waiting

_ENGAGE_FIELDS = frozenset({"scope", "target", "reason", "cancel_orders", "confirm", "mode"})
_MODES = tuple(mode.value for mode in Halt.Mode)
_STATUS_FIELDS = frozenset({"instrument_id", "trading", "source", "text"})


class KillSwitchList(Endpoint):
    """What stands in the caller's organization."""

    @extend_schema(
        operation_id="kill_switch_list",
        summary="List standing kill switches",
        responses={200: halts_schema.KillSwitches, **bricks.errors(401, 403)},
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
            "repeats the target (or the scope without one: `organization`, `all`), so that nobody "
            "does it by accident. `mode` reducing still lets orders pass that lessen a position. A "
            "strategy or a venue stops only what works there. `all` is the house's, which stops "
            "everybody; it takes a venue or an instrument as well."
        ),
        request=halts_schema.KillSwitchEngage,
        responses={201: halts_schema.KillSwitch, **bricks.errors(401, 403, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require(halts.ENGAGE)
        body = Reader(request.data)
        body.refuse_unknown(_ENGAGE_FIELDS)
        scope = body.choice("scope", halts.SCOPES)
        name = body.text("target", longest=80) or ""
        reason = body.text("reason", required=True, longest=500) or ""
        confirm = body.text("confirm", required=True, longest=80) or ""
        mode = body.choice("mode", _MODES, default=Halt.Mode.HALT.value)
        cancels = body.flag("cancel_orders", default=mode == Halt.Mode.HALT.value)
        body.finish()
        target = halting.target_of(scope, name, by=self.principal)
        if confirm != (name or scope):
            raise OmsError(
                "not_confirmed",
                f"This stops {target.name}: repeat {name or scope!r} in `confirm`.",
                field="confirm",
            )
        row = halting.engage(
            target, reason=reason, cancels=cancels, by=self.principal, at=self.at, mode=mode
        )
        return Response(view(row), status=201)


class KillSwitchPreview(Endpoint):
    """What a switch would stop."""

    @extend_schema(
        operation_id="kill_switch_preview",
        summary="Preview a kill switch",
        description=(
            "`scope` and `target` as when engaging; nothing is changed. What is open of bonds is "
            "`par`, of equities `shares`; `notional` is by currency, at limits or reference prices."
        ),
        parameters=[OpenApiParameter(name, str) for name in ("scope", "target")],
        responses={200: halts_schema.KillSwitchPreview, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        scope = request.query_params.get("scope", "")
        target = halting.target_of(scope, request.query_params.get("target", ""), by=self.principal)
        wanted = selecting.of_scope(
            target.scope, target.id, organization_id=self.principal.organization_id
        )
        found = sizing.preview(wanted)
        return Response({"scope": scope, "target": target.id, "name": target.name, **found})


class KillSwitchDetail(Endpoint):
    """How far one has come, and what it waits for."""

    @extend_schema(
        operation_id="kill_switch_detail",
        summary="Get a kill switch and what is not proven gone",
        responses={200: halts_schema.KillSwitchDetail, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, halt_id: str) -> Response:
        self.principal.require("order.view")
        rows = Halt.objects.filter(pk=halt_id, organization_id=self.principal.organization_id)
        row = rows.select_related("engaged_by", "release_requested_by").first()
        if row is None:
            raise NotFound("kill switch")
        wanted = halting.selected(row)
        return Response(
            {
                **view(row),
                "alive": selecting.alive(wanted).count(),
                "not_proven_gone": waiting.on(wanted),
            }
        )


class SecurityStatus(Endpoint):
    """What an exchange says of a security."""

    @extend_schema(
        operation_id="security_status",
        summary="Pass on a trading halt, or its end",
        description=(
            "For directives that reach the house by other ways than a feed: as SecurityStatus(f), "
            "`trading` false is SecurityTradingStatus(326) 2, true 3. It stops everybody, and ends "
            "when the same source says so. Only for the house."
        ),
        request=halts_schema.SecurityStatus,
        responses={200: halts_schema.SecurityStatusTaken, **bricks.errors(401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require(halts.ENGAGE)
        if self.principal.organization_id != halts.HOUSE:
            raise Forbidden("house_only", "Only the house passes on what exchanges say.")
        body = Reader(request.data)
        body.refuse_unknown(_STATUS_FIELDS)
        name = body.text("instrument_id", required=True) or ""
        source = body.text("source", required=True) or ""
        text = body.text("text", longest=400) or ""
        if "trading" not in body.value:
            body.fault("trading", "required", "Give true or false.")
        trading = body.flag("trading")
        body.finish()
        moved = breakers.security_status(
            name, halted=not trading, source=source, text=text, at=self.at
        )
        return Response({"instrument_id": name, "trading": trading, "halts_moved": moved})


class KillSwitchRequestRelease(Endpoint):
    """One person asks to trade again."""

    @extend_schema(
        operation_id="kill_switch_request_release",
        summary="Ask to release a kill switch",
        request=halts_schema.KillSwitchReason,
        responses={202: halts_schema.KillSwitch, **bricks.errors(401, 403, 404, 409, 422)},
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
        responses={200: halts_schema.KillSwitch, **bricks.errors(401, 403, 404, 409)},
    )
    def post(self, request: Request, halt_id: str) -> Response:
        return Response(view(halting.release(halt_id, by=self.principal, at=self.at)))


def view(row: Halt) -> dict[str, Any]:
    """A kill switch as clients see it."""
    return {
        "id": row.id,
        "kind": row.kind,
        "scope": row.scope,
        "target": row.target,
        "name": row.target_name,
        "status": str(row.status),
        "mode": row.mode,
        "reason": row.reason,
        "cancel_orders": row.cancels,
        "imposed": row.imposed,
        "source": row.source,
        "trigger": row.trigger or None,
        "engaged_by": row.engaged_by.username if row.engaged_by else None,
        "engaged_at": row.engaged_at,
        "flat_at": row.flat_at,
        "release_requested_by": (
            row.release_requested_by.username if row.release_requested_by else None
        ),
        "released_at": row.released_at,
    }
