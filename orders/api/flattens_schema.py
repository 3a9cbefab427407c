"""The shapes of closing positions out for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import decimal, shape, text

_TERMS: dict[str, Any] = dict(  # noqa: C408  as the shapes beside it
    account_id=s.CharField(),
    account_code=s.CharField(),
    instrument_id=s.CharField(help_text="CUSIP"),
    description=s.CharField(),
    amount_type=s.ChoiceField(["par", "shares"]),
    position=decimal(help_text="signed: short is negative"),
    open_amount=decimal(help_text="what open orders may lessen it by already"),
    side=s.ChoiceField(["buy", "sell"]),
    amount=decimal(help_text="the most that is ordered; 0 where `note` says why nothing is"),
    limit_price=decimal(allow_null=True),
    note=s.CharField(allow_null=True),
)
_COUNTS = shape(
    "FlattenCounts",
    **{name: s.IntegerField() for name in ("due", "nothing", "ordered", "refused", "review")},
)
_FLATTEN: dict[str, Any] = dict(  # noqa: C408  as the shapes beside it
    flatten_id=s.CharField(),
    halt_id=s.CharField(),
    collar_percent=decimal(allow_null=True),
    reason=s.CharField(),
    seen=s.CharField(),
    status=s.ChoiceField(["proposed", "approved", "refused", "done"]),
    proposed_by=s.CharField(),
    proposed_at=s.DateTimeField(),
    expires_at=s.DateTimeField(),
    decided_by=s.CharField(allow_null=True),
    decided_at=s.DateTimeField(allow_null=True),
    note=s.CharField(allow_null=True),
    done_at=s.DateTimeField(allow_null=True),
    counts=_COUNTS(),
)
_LINE = shape("FlattenLine", **_TERMS)
_RESULT = shape(
    "FlattenResult",
    number=s.IntegerField(),
    **_TERMS,
    outcome=s.ChoiceField(["due", "nothing", "ordered", "refused", "review"]),
    reason=s.CharField(allow_null=True),
    order_id=s.CharField(allow_null=True),
    order_amount=decimal(allow_null=True),
    filled_amount=decimal(allow_null=True),
    order_status=s.CharField(allow_null=True),
)
FlattenPropose = shape(
    "FlattenPropose",
    price=s.ChoiceField(["limit", "market"], default="limit"),
    collar_percent=decimal(required=False, help_text="of limits, at most 20"),
    reason=text(max_length=500),
    seen=text(max_length=64),
    confirm=text(),
)
FlattenApprove = shape("FlattenApprove", seen=s.CharField(), confirm=s.CharField())
FlattenRefuse = shape("FlattenRefuse", reason=s.CharField())
FlattenPreview = shape(
    "FlattenPreview", halt_id=s.CharField(), seen=s.CharField(), lines=s.ListField(child=_LINE())
)
FlattenDetail = shape("FlattenDetail", **_FLATTEN, lines=s.ListField(child=_RESULT()))
Flattens = shape("Flattens", flattens=s.ListField(child=shape("Flatten", **_FLATTEN)()))
