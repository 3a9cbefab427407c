"""The shapes of policies and role changes for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import shape

_STATUSES = ["proposed", "approved", "rejected", "withdrawn"]


def _decided() -> dict[str, Any]:
    return {
        "status": s.ChoiceField(_STATUSES),
        "reason": s.CharField(),
        "proposed_by": s.CharField(allow_null=True),
        "proposed_at": s.DateTimeField(allow_null=True),
        "decided_by": s.CharField(allow_null=True),
        "decided_at": s.DateTimeField(allow_null=True),
        "decision_reason": s.CharField(),
    }


def _policy() -> dict[str, Any]:
    return {
        "version": s.IntegerField(),
        "preset": s.CharField(),
        "rules": s.DictField(),
        "effective_at": s.DateTimeField(),
        "origin": s.CharField(),
        **_decided(),
    }


Policy = shape("Policy", **_policy())
PolicyInForce = shape(
    "PolicyInForce", **_policy(), effective=s.DictField(), proposed=s.ListField(child=Policy())
)
PolicyVersion = shape(
    "PolicyVersion",
    **_policy(),
    effective=s.DictField(),
    differences=s.ListField(child=s.DictField()),
)
PolicyPage = shape("PolicyPage", policies=s.ListField(child=Policy()))
PolicyRequest = shape(
    "PolicyRequest",
    preset=s.CharField(default="guide"),
    rules=s.DictField(required=False),
    effective_at=s.DateTimeField(required=False, allow_null=True),
    reason=s.CharField(),
)
Reason = shape("DecisionReason", reason=s.CharField(required=False))
RoleChange = shape(
    "RoleChange",
    id=s.IntegerField(),
    username=s.CharField(),
    was=s.ListField(child=s.CharField()),
    roles=s.ListField(child=s.CharField()),
    **_decided(),
)
RoleChangePage = shape(
    "RoleChangePage", changes=s.ListField(child=RoleChange()), roles=s.DictField()
)
RoleChangeRequest = shape(
    "RoleChangeRequest",
    username=s.CharField(),
    roles=s.ListField(child=s.CharField()),
    reason=s.CharField(),
)
