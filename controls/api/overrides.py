"""Overrides and watch lists over REST: who waits for a second person, and what was only noted."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controls import overrides, watching
from controls.api.base import Endpoint, body_of, number, text
from controls.models import Override
from oms_site.api import bricks
from oms_site.kit import numbers
from oms_site.kit.errors import OmsError

DAYS, MOST_DAYS = 7, 366
_TOLD = ("control_id", "control_version", "code", "message", "about")


class Overrides(Endpoint):
    """What was asked for, granted, refused and used."""

    @extend_schema(
        operation_id="override_list",
        summary="List overrides",
        description="The newest hundred.",
        responses={200: OpenApiTypes.OBJECT, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.need("order.view")
        rows = overrides.newest(self.principal.organization_id)
        return Response({"overrides": [view(row) for row in rows]})


class OverrideDecision(Endpoint):
    """A second person decides."""

    grant = True

    @extend_schema(
        summary="Decide about an override",
        description=(
            "Granted by somebody else than who asked and who trades, an order on the same terms "
            "passes the named controls once, until `expires_at`. A refusal also takes back what "
            "was granted and not used, and is how who asked withdraws it. Send `annotation`."
        ),
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, override_id: str) -> Response:
        asked = body_of(request)
        note = text(asked, "annotation")
        if asked:
            raise OmsError("invalid_request", "An override takes an annotation and nothing else.")
        row = overrides.decide(
            override_id, grant=self.grant, note=note, by=self.principal, at=self.at
        )
        return Response(view(row))


class WatchHits(Endpoint):
    """What watch lists named."""

    @extend_schema(
        operation_id="watch_hits",
        summary="List orders that watch lists named",
        description=f"Of the last `days` ({DAYS}): orders that passed, told to compliance alone.",
        parameters=[OpenApiParameter("days", int, description="How far back.")],
        responses={200: OpenApiTypes.OBJECT, **bricks.errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        self.need(*watching.SEE)
        days = number(request.query_params.get("days"), "days")
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise OmsError("invalid_days", f"Give 1 to {MOST_DAYS} days.", field="days")
        since = self.at - timedelta(days=days or DAYS)
        owner = self.principal.organization_id
        return Response({"hits": watching.hits(owner, since=since, by=self.principal)})


def view(row: Override) -> dict[str, Any]:
    """An override as clients see it."""
    return {
        "override_id": row.id,
        "order_id": row.asked_for,
        "status": str(row.status),
        "controls": [{name: one.get(name, []) for name in _TOLD} for one in row.controls],
        "accounts": row.accounts,
        "instrument_id": row.cusip,
        "side": row.side,
        "quantity": _exact(row.order_qty),
        "type": row.ord_type,
        "limit_price": None if row.limit_price is None else _exact(row.limit_price),
        "stop_price": None if row.stop_price is None else _exact(row.stop_price),
        "reason": row.reason,
        "trader": row.maker.username,
        "requested_by": row.requested_by.username,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "decided_by": row.decided_by.username if row.decided_by else None,
        "decided_at": row.decided_at,
        "annotation": row.note or None,
        "used_by": row.used_order,
        "used_at": row.used_at,
    }


def _exact(value: Decimal) -> Decimal:
    """Without trailing zeros and without an exponent."""
    return Decimal(numbers.plain(value))
