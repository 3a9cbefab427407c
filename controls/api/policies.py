"""Policies and roles over REST: read them, propose a change, decide about somebody else's.

Everything that changes goes through the firm's rooms, as in the back office.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls.api import policies_schema as schema
from controls.api.base import Endpoint, body_of, number, text
from oms_site.firm import policies, policy_changes, role_changes
from oms_site.firm.models import Policy, RoleChange
from oms_site.firm.roles import ENTITLEMENTS
from oms_site.kit.errors import OmsError

READERS = ("order.view", "audit.view", policy_changes.MANAGE)


class PolicyInForce(Endpoint):
    """The rules that decide the caller's orders now."""

    @extend_schema(
        operation_id="policy_retrieve",
        summary="Get the policy in force",
        parameters=[OpenApiParameter("at", str, description="As of this moment instead of now.")],
        responses={200: schema.PolicyInForce},
    )
    def get(self, request: Request) -> Response:
        self.need(*READERS)
        moment = _moment(request.query_params.get("at"), "at") or self.at
        try:
            held = policies.of(self.principal.organization_id, at=moment)
        except LookupError:
            raise OmsError("no_policy", "There was no policy then.", status=404) from None
        rows = policy_changes.versions(self.principal.organization_id)
        row = rows.get(pk=held.id)
        waiting = rows.filter(status=Policy.Status.PROPOSED)
        return Response(
            {**_policy(row), "effective": held.rules, "proposed": [_policy(one) for one in waiting]}
        )


class PolicyVersions(Endpoint):
    """Every version, and new ones."""

    @extend_schema(
        operation_id="policy_version_list",
        summary="List the versions of the policy",
        responses={200: schema.PolicyPage},
    )
    def get(self, request: Request) -> Response:
        self.need(*READERS)
        found = policy_changes.versions(self.principal.organization_id)
        return Response({"policies": [_policy(row) for row in found]})

    @extend_schema(
        operation_id="policy_propose",
        summary="Propose the next policy",
        description="It counts once a second person approves it; `effective_at` may be later.",
        request=schema.PolicyRequest,
        responses={201: schema.Policy},
    )
    def post(self, request: Request) -> Response:
        self.principal.require(policy_changes.MANAGE)
        body = body_of(request)
        reason = text(body, "reason")
        if strange := sorted(set(body) - {"preset", "rules", "effective_at"}):
            raise OmsError("unknown_field", "No policy has such a field.", field=strange[0])
        row = policy_changes.propose(
            preset=body.get("preset", "guide"),
            rules=_whole(body.get("rules", {})),
            reason=reason,
            effective_at=_moment(body.get("effective_at"), "effective_at"),
            by=self.principal,
            at=self.at,
        )
        return Response(_policy(row), status=201)


class PolicyVersion(Endpoint):
    """One version, with what it changes."""

    @extend_schema(
        operation_id="policy_version_retrieve",
        summary="Get a version of the policy",
        parameters=[OpenApiParameter("against", int, description="Compare with this version.")],
        responses={200: schema.PolicyVersion},
    )
    def get(self, request: Request, version: int) -> Response:
        self.need(*READERS)
        row = policy_changes.find(version, by=self.principal)
        against = number(request.query_params.get("against"), "against")
        old = policy_changes.before(row)
        if against is not None:
            old = policy_changes.find(against, by=self.principal)
        return Response(
            {
                **_policy(row),
                "effective": policies.facts(row).rules,
                "differences": policy_changes.diff(old, row),
            }
        )


class PolicyDecision(Endpoint):
    """A second person decides."""

    approve = True

    @extend_schema(
        summary="Decide about a proposed policy",
        description="Needs another person than the proposer, who may withdraw it by `reject`.",
        request=schema.Reason,
        responses={200: schema.Policy},
    )
    def post(self, request: Request, version: int) -> Response:
        reason = text(body_of(request), "reason")
        decide = policy_changes.approve if self.approve else policy_changes.reject
        row = decide(version, reason=reason, by=self.principal, at=self.at)
        return Response(_policy(policy_changes.find(row.version, by=self.principal)))


class RoleChanges(Endpoint):
    """Who is to have which roles."""

    @extend_schema(
        operation_id="role_change_list",
        summary="List changes of roles, newest first",
        responses={200: schema.RoleChangePage},
    )
    def get(self, request: Request) -> Response:
        self.need(role_changes.MANAGE, role_changes.APPROVE, "audit.view")
        rows = role_changes.visible(self.principal.organization_id)
        held = {role.value: sorted(names) for role, names in ENTITLEMENTS.items()}
        return Response({"changes": [_change(row) for row in rows[:500]], "roles": held})

    @extend_schema(
        operation_id="role_change_propose",
        summary="Propose the roles of a person",
        request=schema.RoleChangeRequest,
        responses={201: schema.RoleChange},
    )
    def post(self, request: Request) -> Response:
        body = body_of(request)
        username, reason = text(body, "username"), text(body, "reason")
        roles = body.get("roles")
        if not isinstance(roles, list) or not all(isinstance(one, str) for one in roles):
            raise OmsError("invalid_roles", "Give a list of roles.", field="roles")
        row = role_changes.propose(username, roles, reason=reason, by=self.principal, at=self.at)
        return Response(_change(row), status=201)


class RoleChangeDecision(Endpoint):
    """A second person decides."""

    approve = True

    @extend_schema(
        summary="Decide about a change of roles",
        description="Neither its proposer, who may withdraw it by `reject`, nor the person.",
        request=schema.Reason,
        responses={200: schema.RoleChange},
    )
    def post(self, request: Request, change_id: int) -> Response:
        reason = text(body_of(request), "reason")
        decide = role_changes.approve if self.approve else role_changes.reject
        return Response(_change(decide(change_id, reason=reason, by=self.principal, at=self.at)))


def _policy(row: Policy) -> dict[str, Any]:
    return {
        "version": row.version,
        "status": row.status,
        "preset": row.preset,
        "rules": row.rules,
        "effective_at": row.effective_at,
        "origin": row.origin,
        "reason": row.reason,
        "proposed_by": row.proposed_by.username if row.proposed_by else None,
        "proposed_at": row.proposed_at,
        "decided_by": row.decided_by.username if row.decided_by else None,
        "decided_at": row.decided_at,
        "decision_reason": row.decision_reason,
    }


def _change(row: RoleChange) -> dict[str, Any]:
    return {
        "id": row.pk,
        "username": row.user.username,
        "was": row.was,
        "roles": row.roles,
        "status": row.status,
        "reason": row.reason,
        "proposed_by": row.proposed_by.username,
        "proposed_at": row.proposed_at,
        "decided_by": row.decided_by.username if row.decided_by else None,
        "decided_at": row.decided_at,
        "decision_reason": row.decision_reason,
    }


def _whole(value: Any) -> Any:
    """Whole numbers as they are stored; the strict reader made decimals of them."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    return value


def _moment(value: Any, field: str) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise OmsError("invalid_time", "Give a time with its offset from UTC.", field=field)
    return found
