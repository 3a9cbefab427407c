"""The shapes of mass cancels for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import decimal, shape, text

_FILTER: dict[str, Any] = {
    **{
        name: text()
        for name in ("instrument_id", "account_id", "trader", "desk", "api_key", "strategy")
    },
    "venue_id": text(),
    "side": s.ChoiceField(["buy", "sell"], required=False),
    "everything": s.BooleanField(default=False),
}
_COUNTS = shape(
    "MassCancelCounts",
    **{name: s.IntegerField() for name in ("due", "pending", "canceled", "nothing")},
)
_SIZE: dict[str, Any] = {
    "orders": s.IntegerField(),
    "leaves_qty": decimal(),
    "notional": decimal(),
}
_ROW: dict[str, Any] = {
    "id": s.CharField(),
    "client_mass_cancel_id": s.CharField(allow_null=True),
    "wanted": s.DictField(child=s.CharField()),
    "reason": s.CharField(),
    "requested_by": s.CharField(),
    "requested_at": s.DateTimeField(),
    **_SIZE,
    "done_at": s.DateTimeField(allow_null=True),
    "counts": _COUNTS(),
}
_RESULT = shape(
    "MassCancelResult",
    cursor=s.IntegerField(),
    order_id=s.CharField(),
    client_order_id=s.CharField(allow_null=True),
    cancel_request_id=s.CharField(allow_null=True),
    result=s.CharField(),
    reason=s.CharField(allow_null=True),
    order_status=s.CharField(),
    asked_at=s.DateTimeField(allow_null=True),
)
_VENUE = shape(
    "MassCancelVenue",
    venue_id=s.CharField(),
    orders=s.IntegerField(),
    par=decimal(),
    shares=decimal(),
)
_MONEY = shape("MassCancelNotional", currency=s.CharField(), amount=decimal())
MassCancel = shape("MassCancel", **_ROW)
MassCancels = shape("MassCancels", mass_cancels=s.ListField(child=MassCancel()))
MassCancelFilter = shape("MassCancelFilter", **_FILTER)
MassCancelCreate = shape(
    "MassCancelCreate",
    **_FILTER,
    client_mass_cancel_id=text(),
    reason=s.CharField(),
    confirm=s.ChoiceField(["cancel"]),
)
MassCancelPreview = shape(
    "MassCancelPreview",
    orders=s.IntegerField(),
    par=decimal(),
    shares=decimal(),
    notional=s.ListField(child=_MONEY()),
    unpriced=s.IntegerField(),
    venues=s.ListField(child=_VENUE()),
)
MassCancelResults = shape("MassCancelResults", **_ROW, results=s.ListField(child=_RESULT()))
