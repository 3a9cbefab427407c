"""The shapes of kill switches for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from orders.api.schema import _decimal, _shape, _text

_HALT: dict[str, Any] = dict(  # noqa: C408  as the shapes beside it
    id=s.CharField(),
    scope=s.ChoiceField(["organization", "account", "trader", "instrument"]),
    target=s.CharField(),
    name=s.CharField(),
    status=s.CharField(),
    reason=s.CharField(),
    cancel_orders=s.BooleanField(),
    engaged_by=s.CharField(allow_null=True),
    engaged_at=s.DateTimeField(),
    flat_at=s.DateTimeField(allow_null=True),
    release_requested_by=s.CharField(allow_null=True),
    released_at=s.DateTimeField(allow_null=True),
)
KillSwitch = _shape("KillSwitch", **_HALT)
KillSwitches = _shape("KillSwitches", kill_switches=s.ListField(child=KillSwitch()))
KillSwitchEngage = _shape(
    "KillSwitchEngage",
    scope=s.ChoiceField(["organization", "account", "trader", "instrument"]),
    target=_text(),
    reason=s.CharField(),
    cancel_orders=s.BooleanField(default=True),
    confirm=s.CharField(),
)
KillSwitchReason = _shape("KillSwitchReason", reason=s.CharField())
KillSwitchVenue = _shape(
    "KillSwitchVenue", venue_id=s.CharField(), orders=s.IntegerField(), leaves_qty=_decimal()
)
KillSwitchPreview = _shape(
    "KillSwitchPreview",
    scope=s.CharField(),
    target=s.CharField(),
    name=s.CharField(),
    orders=s.IntegerField(),
    leaves_qty=_decimal(),
    venues=s.ListField(child=KillSwitchVenue()),
)
