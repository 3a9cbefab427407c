"""Controls over REST: read them, write versions, ask, decide, compare, simulate.

Everything that changes goes through the governance and lifecycle rooms, as in the back office.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls import content, evidence, governance, library, lifecycle, simulation
from controls.api import schema
from controls.api.base import Endpoint, body_of, number, text
from controls.models import Control, Simulation
from controls.states import ControlStatus, Pending
from oms_site.api import conditions
from oms_site.firm.principals import Principal

_REQUESTS = {"suspend": Pending.SUSPEND, "resume": Pending.RESUME, "retire": Pending.RETIRE}
_PEOPLE = ("created_by", "approved_by", "requested_by")


# Several values ask for any of them, with or without the brackets of the guide.
_ANY_OF = {
    "type": "type__in",
    "type[]": "type__in",
    "asset_class": "asset_classes__overlap",
    "asset_class[]": "asset_classes__overlap",
}


class ControlList(Endpoint):
    """The controls of an organization, its parents' that bind it included."""

    @extend_schema(
        operation_id="control_list",
        summary="List controls",
        parameters=[
            *(OpenApiParameter(name, str) for name in ("status", "rule_class")),
            *(OpenApiParameter(name, str, many=True) for name in _ANY_OF),
        ],
        responses={200: schema.ControlPage},
    )
    def get(self, request: Request) -> Response:
        self.may_look()
        rows = governance.visible(self.principal.organization_id)
        wanted: dict[str, str | list[str]] = {
            name: request.query_params[name]
            for name in ("status", "rule_class")
            if name in request.query_params
        }
        for name, column in _ANY_OF.items():
            if values := request.query_params.getlist(name):
                wanted[column] = values
        if "status" not in wanted:
            rows = rows.exclude(status=ControlStatus.RETIRED)
        rows = rows.filter(**wanted).select_related(*_PEOPLE)
        found = rows.order_by("organization_id", "code", "version")
        return Response({"controls": [view(row, self.principal) for row in found]})

    @extend_schema(
        operation_id="control_create",
        summary="Draft a control",
        request=schema.ControlRequest,
        responses={201: schema.Control},
    )
    def post(self, request: Request) -> Response:
        body = body_of(request)
        row = governance.draft(
            text(body, "control_id"),
            body,
            reason=text(body, "reason"),
            by=self.principal,
            at=self.at,
        )
        return Response(view(row, self.principal), status=201)


class ControlDetail(Endpoint):
    """One control: the version in force, or the one asked for."""

    conditional = {"delete": "control_id"}

    @extend_schema(
        operation_id="control_retrieve",
        summary="Get a control",
        parameters=[OpenApiParameter("version", int)],
        responses={200: schema.Control},
    )
    def get(self, request: Request, control_id: str) -> Response:
        self.may_look()
        version = number(request.query_params.get("version"), "version")
        row = governance.find(control_id, by=self.principal, version=version)
        newest = simulation.latest(row)
        told = {**view(row, self.principal), "simulation": newest and _simulated(newest)}
        return Response(told, headers=conditions.etag(governance.tag(row)))

    @extend_schema(
        operation_id="control_retire",
        summary="Ask for a control to be retired, or discard a draft",
        parameters=[conditions.IF_MATCH],
        request=schema.StepRequest,
        responses={202: schema.Control},
    )
    def delete(self, request: Request, control_id: str) -> Response:
        body = body_of(request)
        row = _own(control_id, body, self.principal)
        step = "discard" if row.status == ControlStatus.DRAFT else "retire"
        moved = take(step, row, reason=text(body, "reason"), by=self.principal, at=self.at)
        return Response(view(moved, self.principal), status=202)


class ControlVersions(Endpoint):
    """The versions of a control."""

    conditional = {"post": "control_id"}

    @extend_schema(
        operation_id="control_version_list",
        summary="List all versions of a control",
        responses={200: schema.ControlPage},
    )
    def get(self, request: Request, control_id: str) -> Response:
        self.may_look()
        row = governance.find(control_id, by=self.principal)
        rows = governance.visible(self.principal.organization_id).filter(
            organization_id=row.organization_id, code=row.code
        )
        found = rows.select_related(*_PEOPLE).order_by("version")
        return Response({"controls": [view(one, self.principal) for one in found]})

    @extend_schema(
        operation_id="control_version_create",
        summary="Draft the next version of a control",
        parameters=[conditions.IF_MATCH],
        description="Fields that are not given are as in the version in force, or in `base`.",
        request=schema.VersionRequest,
        responses={201: schema.Control},
    )
    def post(self, request: Request, control_id: str) -> Response:
        body = body_of(request)
        row = governance.revise(
            control_id,
            body,
            base=number(body.pop("base", None), "base"),
            reason=text(body, "reason"),
            by=self.principal,
            at=self.at,
        )
        return Response(view(row, self.principal), status=201)


class ControlStep(Endpoint):
    """One person asks for a change, another decides about it."""

    step = ""
    conditional = {"post": "control_id"}

    @extend_schema(
        summary="Ask for, or decide about, a change of a control",
        parameters=[conditions.IF_MATCH],
        request=schema.StepRequest,
        responses={200: schema.Control},
    )
    def post(self, request: Request, control_id: str) -> Response:
        body = body_of(request)
        row = _own(control_id, body, self.principal, step=self.step)
        moved = take(self.step, row, reason=text(body, "reason"), by=self.principal, at=self.at)
        return Response(view(moved, self.principal))


class ControlDiff(Endpoint):
    """What two versions state differently."""

    @extend_schema(
        operation_id="control_diff",
        summary="Compare two versions of a control",
        parameters=[OpenApiParameter(name, int, required=True) for name in ("from", "to")],
        responses={200: schema.Difference},
    )
    def get(self, request: Request, control_id: str) -> Response:
        self.may_look()
        asked = request.query_params
        old, new = (
            governance.find(
                control_id, by=self.principal, version=number(asked.get(name, ""), name)
            )
            for name in ("from", "to")
        )
        return Response(
            {
                "control_id": control_id,
                "from_version": old.version,
                "to_version": new.version,
                "differences": content.diff(old, new),
            }
        )


class ControlHistory(Endpoint):
    """Who did what to a control, when and why."""

    @extend_schema(
        operation_id="control_history",
        summary="The history of a control",
        responses={200: schema.History},
    )
    def get(self, request: Request, control_id: str) -> Response:
        self.may_look()
        row = governance.find(control_id, by=self.principal)
        found = [evidence.change(one) for one in governance.history(row)]
        return Response({"control_id": control_id, "changes": found})


class ControlSimulate(Endpoint):
    """What a version would have done to past orders."""

    @extend_schema(
        operation_id="control_simulate",
        summary="Run a version over the stored tickets of some days",
        request=schema.SimulationRequest,
        responses={201: schema.Simulation},
    )
    def post(self, request: Request, control_id: str) -> Response:
        body = body_of(request)
        row = _own(control_id, body, self.principal, step="approve")
        days = number(body.get("days", 30), "days")
        made = simulation.run(row, days=days or 0, by=self.principal, at=self.at)
        return Response(_simulated(made), status=201)


def take(step: str, row: Control, *, reason: str, by: Principal, at: datetime) -> Control:
    """Take a step of a version's life by its name on the wire."""
    if step in _REQUESTS:
        return lifecycle.request(row.pk, _REQUESTS[step], reason=reason, by=by, at=at)
    steps: dict[str, Callable[..., Control]] = {
        "submit": lifecycle.submit,
        "approve": lifecycle.approve,
        "reject": lifecycle.reject,
        "discard": lifecycle.discard,
    }
    return steps[step](row.pk, reason=reason, by=by, at=at)


def view(row: Control, by: Principal) -> dict[str, Any]:
    """A version as clients read it."""
    people = {name: getattr(row, name) for name in _PEOPLE}
    return {
        "control_id": library.code_for(row, by.organization_id),
        "version": row.version,
        "status": row.status,
        "pending": row.pending or None,
        "owner": row.organization_id,
        "assigned": row.organization_id != by.organization_id,
        **content.of(row),
        "fingerprint": content.fingerprint(row),
        "origin": row.origin,
        "reason": row.reason,
        "created_at": row.created_at,
        "approved_at": row.approved_at,
        "in_force_until": row.ends_at or row.effective_until,
        **{name: user.username if user else None for name, user in people.items()},
    }


def _simulated(row: Simulation) -> dict[str, Any]:
    return {
        "control_id": row.control.code,
        "version": row.control.version,
        "fingerprint": row.fingerprint,
        "since": row.since,
        "until": row.until,
        "tickets": row.tickets,
        "complete": row.complete,
        "made_at": row.made_at,
        "report": row.report,
    }


def _own(control_id: str, body: dict[str, Any], by: Principal, *, step: str = "") -> Control:
    """The version that a step is about: the one named, else the one that is waiting for it."""
    governance.require_manager(by)
    version = number(body.get("version"), "version")
    row = governance.own(control_id, by=by, version=version)
    if version is not None or step not in {"submit", "approve", "reject", "discard"}:
        return row
    waiting = Control.objects.filter(organization_id=row.organization_id, code=row.code)
    if step in {"submit", "discard"}:
        waiting = waiting.filter(status=ControlStatus.DRAFT)
    else:
        waiting = (
            waiting.exclude(pending="")
            if row.pending
            else waiting.filter(status__in=[ControlStatus.PENDING_APPROVAL, ControlStatus.DRAFT])
        )
    return waiting.order_by("-version").first() or row
