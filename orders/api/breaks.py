"""`/v1/ops/break/` and `/v1/ops/recovery/`: what differs, and executions only a venue tells of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.kit.errors import NotFound
from orders import breaks, recoveries, recovering
from orders.api import ops_schema
from orders.api.base import Endpoint
from orders.api.seen import text_of, version_of
from orders.models import Break, Recovery

_STEPS = ("assign", "propose", "agree", "refuse")
_RECOVERY_STEPS = ("propose", "agree", "refuse")
_MOST = 500


class BreakList(Endpoint):
    """Open breaks of the caller's organization, oldest first."""

    @extend_schema(
        operation_id="ops_break_list",
        summary="List breaks",
        description="Open ones, oldest first, up to 500. What belongs to nobody we know is the"
        " house's. `closed=true` gives the latest closed ones instead.",
        parameters=[OpenApiParameter("closed", str)],
        responses={200: ops_schema.OpsBreaks, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("ops.view")
        rows = Break.objects.filter(organization_id=self.principal.organization_id)
        rows = rows.select_related("owner", "proposed_by", "closed_by")
        if request.query_params.get("closed") == "true":
            rows = rows.exclude(closed_at=None).order_by("-closed_at", "-id")
        else:
            rows = rows.filter(closed_at=None).order_by("opened_at", "id")
        return Response({"breaks": [shown(row, at=self.at) for row in rows[:_MOST]]})


class BreakStep(Endpoint):
    """Take a break, explain it, agree to its closing, or send it back."""

    @extend_schema(
        operation_id="ops_break_step",
        summary="Work on a break",
        description="`step` is assign, propose (with reason_code and text), agree or refuse (with"
        " version as it was shown: 409 `proposal_changed` if it has changed since).",
        request=ops_schema.OpsExplanation,
        responses={200: ops_schema.OpsBreak, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, break_id: str, step: str) -> Response:
        if step not in _STEPS:
            raise NotFound("step")
        if step == "assign":
            row = breaks.assign(break_id, **self.told)
        elif step == "propose":
            code, text = text_of(request.data, "reason_code"), text_of(request.data, "text")
            row = breaks.propose(break_id, reason_code=code, text=text, **self.told)
        else:
            version = version_of(request.data)
            row = breaks.decide(break_id, agree=step == "agree", version=version, **self.told)
        return Response(shown(row, at=self.at))


class RecoveryList(Endpoint):
    """Executions that only a venue's drop copy tells of, oldest first."""

    @extend_schema(
        operation_id="ops_recovery_list",
        summary="List recoveries",
        description="Those that wait for a person, oldest first; `all=true`: the latest of all.",
        parameters=[OpenApiParameter("all", str)],
        responses={200: ops_schema.OpsRecoveries, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("ops.view")
        rows = recoveries.waiting(self.principal.organization_id)
        if request.query_params.get("all") == "true":
            mine = Recovery.objects.filter(organization_id=self.principal.organization_id)
            rows = mine.order_by("-found_at", "-id")
        found = rows[:_MOST]
        return Response({"recoveries": [recovery_shown(row) for row in found]})


class RecoveryStep(Endpoint):
    """Have a missing execution booked, agree to it, or send it back."""

    @extend_schema(
        operation_id="ops_recovery_step",
        summary="Decide on a recovery",
        description="`step` is propose (with reason), agree or refuse (with version as it was"
        " shown: 409 `proposal_changed` if it has changed since). Agreeing books it by the way of"
        " the venue's reports, once, or says that it `came` by itself.",
        request=ops_schema.OpsRecoveryStep,
        responses={200: ops_schema.OpsRecovery, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, recovery_id: str, step: str) -> Response:
        if step not in _RECOVERY_STEPS:
            raise NotFound("step")
        if step == "propose":
            reason = text_of(request.data, "reason")
            row = recovering.propose(recovery_id, reason=reason, **self.told)
        else:
            version = version_of(request.data)
            agree = step == "agree"
            row = recovering.decide(recovery_id, agree=agree, version=version, **self.told)
        return Response(recovery_shown(row))


def shown(row: Break, *, at: datetime) -> dict[str, Any]:
    """A break as the API tells it: who has it and since when it stands, until it is closed."""
    return {
        "break_id": row.id,
        "version": row.version,
        "kind": row.kind,
        "key": row.key,
        "order_id": row.order_id or None,
        "evidence": row.evidence,
        "figures": row.figures,
        "opened_at": row.opened_at,
        "age_s": int(((row.closed_at or at) - row.opened_at).total_seconds()),
        "owner": _name(row.owner),
        "owner_id": row.owner_id,
        "reason_code": row.reason_code or None,
        "resolution": row.resolution or None,
        "proposed": row.proposed_by_id is not None,
        "proposed_by": _name(row.proposed_by),
        "proposed_by_id": row.proposed_by_id,
        "proposed_at": row.proposed_at,
        "closed_by": _name(row.closed_by),
        "closed_at": row.closed_at,
    }


def _name(who: object) -> str | None:
    """A user's name; None for nobody."""
    return getattr(who, "username", None)


def recovery_shown(row: Recovery) -> dict[str, Any]:
    """A recovery as the API tells it."""
    return {
        "recovery_id": row.id,
        "version": row.version,
        "break_id": row.difference_id,
        "status": str(row.status),
        "venue_id": row.venue_id,
        "order_id": row.order_id,
        "cl_ord_id": row.venue_order_id,
        "venue_execution_id": row.exec_id,
        "amount": row.qty,
        "price": row.price,
        "trade_date": row.trade_date,
        "executed_at": row.traded_at,
        "found_at": row.found_at,
        "reason": row.reason or None,
        "execution_id": row.execution_id,
    }
