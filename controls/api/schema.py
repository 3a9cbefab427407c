"""The shapes of the controls' endpoints for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import shape

_EFFECTS = ["warn", "flag", "reject"]
_TYPES = ["universe", "exposure", "order", "attestation"]
_STATUSES = ["draft", "pending_approval", "active", "suspended", "retired"]


def _text(**kw: Any) -> s.CharField:
    return s.CharField(required=False, **kw)


def _content() -> dict[str, Any]:
    return {
        "name": s.CharField(),
        "type": s.ChoiceField(_TYPES, required=False),
        "rule_class": s.CharField(),
        "params": s.DictField(required=False),
        "remediation": s.ChoiceField(_EFFECTS),
        "regulatory": s.BooleanField(default=False),
        "slice": s.DictField(child=s.ListField(child=s.CharField()), required=False),
        "assigned_to": s.ListField(child=s.CharField(), required=False),
        "effective_from": s.DateTimeField(allow_null=True, required=False),
        "effective_until": s.DateTimeField(allow_null=True, required=False),
        "citation": _text(),
        "message": _text(),
    }


ControlRequest = shape(
    "ControlRequest", control_id=s.CharField(), reason=s.CharField(), **_content()
)
VersionRequest = shape(
    "ControlVersionRequest",
    reason=s.CharField(),
    base=s.IntegerField(required=False),
    **_content(),
)
StepRequest = shape("ControlStepRequest", version=s.IntegerField(required=False), reason=_text())
SimulationRequest = shape(
    "ControlSimulationRequest",
    version=s.IntegerField(required=False),
    days=s.IntegerField(default=30),
)
Simulation = shape(
    "ControlSimulation",
    control_id=s.CharField(),
    version=s.IntegerField(),
    fingerprint=s.CharField(),
    since=s.DateTimeField(),
    until=s.DateTimeField(),
    tickets=s.IntegerField(),
    complete=s.BooleanField(),
    made_at=s.DateTimeField(),
    report=s.DictField(),
)
Control = shape(
    "Control",
    control_id=s.CharField(),
    version=s.IntegerField(),
    status=s.ChoiceField(_STATUSES),
    pending=s.CharField(allow_null=True),
    owner=s.CharField(),
    assigned=s.BooleanField(),
    fingerprint=s.CharField(),
    origin=s.CharField(),
    reason=s.CharField(),
    created_at=s.DateTimeField(),
    created_by=s.CharField(allow_null=True),
    approved_at=s.DateTimeField(allow_null=True),
    approved_by=s.CharField(allow_null=True),
    requested_by=s.CharField(allow_null=True),
    in_force_until=s.DateTimeField(allow_null=True),
    **_content(),
)
ControlPage = shape("ControlPage", controls=s.ListField(child=Control()))
Difference = shape(
    "ControlDifference",
    control_id=s.CharField(),
    from_version=s.IntegerField(),
    to_version=s.IntegerField(),
    differences=s.ListField(child=s.DictField()),
)
History = shape(
    "ControlHistory", control_id=s.CharField(), changes=s.ListField(child=s.DictField())
)
