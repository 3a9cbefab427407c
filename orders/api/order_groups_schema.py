"""The shapes of order groups for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import decimal, shape, text

_ROW: dict[str, Any] = {
    "id": s.CharField(),
    "client_order_group_id": s.CharField(allow_null=True),
    "name": s.CharField(),
    "limit": decimal(),
    "window_s": s.IntegerField(),
    "status": s.ChoiceField(["open", "locked"]),
    "locks": s.IntegerField(),
    "locked_at": s.DateTimeField(allow_null=True),
    "filled": decimal(allow_null=True),
    "counted_from": s.DateTimeField(allow_null=True),
    "created_by": s.CharField(),
    "created_at": s.DateTimeField(),
    "reset_by": s.CharField(allow_null=True),
}
_WAIT = shape(
    "OrderGroupWait",
    order_id=s.CharField(),
    client_order_id=s.CharField(allow_null=True),
    cusip=s.CharField(),
    leaves_qty=decimal(),
    why=s.CharField(),
)
OrderGroup = shape("OrderGroup", **_ROW)
OrderGroups = shape("OrderGroups", order_groups=s.ListField(child=OrderGroup()))
OrderGroupDetail = shape(
    "OrderGroupDetail",
    **_ROW,
    alive=s.IntegerField(),
    not_proven_gone=s.ListField(child=_WAIT()),
)
OrderGroupCreate = shape(
    "OrderGroupCreate",
    name=s.CharField(max_length=80),
    limit=decimal(),
    window_s=s.IntegerField(default=15),
    client_order_group_id=text(max_length=80),
)
