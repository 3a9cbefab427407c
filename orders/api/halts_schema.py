"""The shapes of kill switches for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from controls.models import Halt
from oms_site.api.bricks import decimal, shape, text

_SCOPES = list(Halt.Scope.values)
_MODES = list(Halt.Mode.values)
_HALT: dict[str, Any] = dict(  # noqa: C408  as the shapes beside it
    id=s.CharField(),
    kind=s.CharField(),
    scope=s.ChoiceField(_SCOPES),
    target=s.CharField(),
    name=s.CharField(),
    status=s.CharField(),
    mode=s.ChoiceField(_MODES),
    reason=s.CharField(),
    cancel_orders=s.BooleanField(),
    imposed=s.BooleanField(),
    source=s.CharField(),
    trigger=s.CharField(allow_null=True),
    engaged_by=s.CharField(allow_null=True),
    engaged_at=s.DateTimeField(),
    flat_at=s.DateTimeField(allow_null=True),
    release_requested_by=s.CharField(allow_null=True),
    released_at=s.DateTimeField(allow_null=True),
)
KillSwitch = shape("KillSwitch", **_HALT)
KillSwitches = shape("KillSwitches", kill_switches=s.ListField(child=KillSwitch()))
KillSwitchEngage = shape(
    "KillSwitchEngage",
    scope=s.ChoiceField(_SCOPES),
    target=text(),
    reason=s.CharField(),
    mode=s.ChoiceField(_MODES, default="halt"),
    cancel_orders=s.BooleanField(default=True),
    confirm=s.CharField(),
)
KillSwitchReason = shape("KillSwitchReason", reason=s.CharField())
KillSwitchVenue = shape(
    "KillSwitchVenue",
    venue_id=s.CharField(),
    orders=s.IntegerField(),
    par=decimal(),
    shares=decimal(),
)
_MONEY = shape("KillSwitchNotional", currency=s.CharField(), amount=decimal())
KillSwitchPreview = shape(
    "KillSwitchPreview",
    scope=s.CharField(),
    target=s.CharField(),
    name=s.CharField(),
    orders=s.IntegerField(),
    par=decimal(),
    shares=decimal(),
    notional=s.ListField(child=_MONEY()),
    unpriced=s.IntegerField(),
    venues=s.ListField(child=KillSwitchVenue()),
)
_WAIT = shape(
    "KillSwitchWait",
    order_id=s.CharField(),
    client_order_id=s.CharField(allow_null=True),
    cusip=s.CharField(),
    leaves_qty=decimal(),
    why=s.CharField(),
)
KillSwitchDetail = shape(
    "KillSwitchDetail",
    **_HALT,
    alive=s.IntegerField(),
    not_proven_gone=s.ListField(child=_WAIT()),
)
SecurityStatus = shape(
    "SecurityStatus",
    instrument_id=s.CharField(),
    trading=s.BooleanField(),
    source=s.CharField(),
    text=text(),
)
SecurityStatusTaken = shape(
    "SecurityStatusTaken",
    instrument_id=s.CharField(),
    trading=s.BooleanField(),
    halts_moved=s.IntegerField(),
)
