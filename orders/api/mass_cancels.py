"""`/v1/trading/mass-cancel/`: what one would stop, asking for it, and what came of it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms_site.api import bricks
from oms_site.api.shape import Reader
from oms_site.kit.errors import OmsError
from orders import mass_canceling
from orders.api import mass_cancels_schema as shapes
from orders.api.base import Endpoint
from orders.models import MassCancel
from orders.stopping import targets
from orders.stopping.selecting import Selection

SIDES = ("buy", "sell")
# The field of the request, and the scope that finds what it names.
NAMED = {
    "instrument_id": "instrument",
    "account_id": "account",
    "trader": "trader",
    "desk": "desk",
    "api_key": "api_key",
    "strategy": "strategy",
    "venue_id": "venue",
}
_FILTERS = frozenset({*NAMED, "side", "everything"})
_CREATE = _FILTERS | {"reason", "confirm", "client_mass_cancel_id"}
_MOST = 1_000
CONFIRM = "cancel"


class MassCancelList(Endpoint):
    """Asking, and what was asked lately."""

    @extend_schema(
        operation_id="mass_cancel_list",
        summary="List mass cancels",
        responses={200: shapes.MassCancels, **bricks.errors(401, 403)},
    )
    def get(self, request: Request) -> Response:
        self.principal.require("order.view")
        rows = MassCancel.objects.filter(organization_id=self.principal.organization_id)
        newest = rows.select_related("requested_by").order_by("-requested_at", "-id")[:50]
        return Response({"mass_cancels": [view(row) for row in newest]})

    @extend_schema(
        operation_id="mass_cancel_create",
        summary="Cancel all open orders that fit",
        description=(
            "Every open order that fits all fields given is asked to stop; `everything` takes all "
            "of them. A strategy or a venue means only what works there. `confirm` is `cancel`. "
            "The answer comes before the orders have been asked: get it again for what came of "
            "each. Mass cancels pass under kill switches."
        ),
        request=shapes.MassCancelCreate,
        responses={
            200: shapes.MassCancel,
            202: shapes.MassCancel,
            **bricks.errors(401, 403, 409, 422),
        },
    )
    def post(self, request: Request) -> Response:
        self.principal.require(mass_canceling.CANCEL)
        body = Reader(request.data)
        body.refuse_unknown(_CREATE)
        reason = body.text("reason", required=True, longest=500) or ""
        confirm = body.text("confirm", required=True) or ""
        client_id = body.text("client_mass_cancel_id")
        wanted = selection(body, self)
        if confirm != CONFIRM:
            raise OmsError("not_confirmed", f"Write {CONFIRM!r} in `confirm`.", field="confirm")
        row, fresh = mass_canceling.create(
            wanted, reason=reason, by=self.principal, at=self.at, client_id=client_id
        )
        return Response(view(row), status=202 if fresh else 200)


class MassCancelPreview(Endpoint):
    """What would be asked now."""

    @extend_schema(
        operation_id="mass_cancel_preview",
        summary="Preview a mass cancel",
        description=(
            "The fields that choose, as when asking; nothing is changed. What is open of bonds is "
            "`par`, of equities `shares`; `notional` is by currency, at limits or reference prices."
        ),
        request=shapes.MassCancelFilter,
        responses={200: shapes.MassCancelPreview, **bricks.errors(401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require("order.view")
        body = Reader(request.data)
        body.refuse_unknown(_FILTERS)
        return Response(mass_canceling.preview(selection(body, self)))


class MassCancelDetail(Endpoint):
    """What came of every order."""

    @extend_schema(
        operation_id="mass_cancel_detail",
        summary="Get a mass cancel with its results",
        description=(
            "`results` are in the order they are asked, at most `limit` (1,000) after the `cursor` "
            "given as `after`. A result is `due`, `pending`, `refused` by a venue, `canceled`, "
            "`nothing` left to stop, or how the order ended otherwise."
        ),
        parameters=[OpenApiParameter(name, int) for name in ("after", "limit")],
        responses={200: shapes.MassCancelResults, **bricks.errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, mass_cancel_id: str) -> Response:
        self.principal.require("order.view")
        row = mass_canceling.find(mass_cancel_id, organization_id=self.principal.organization_id)
        after, limit = _number(request, "after", 0), _number(request, "limit", 500)
        results = mass_canceling.results(row, after=after, limit=min(limit, _MOST))
        return Response({**view(row), "results": results})


def selection(body: Reader, endpoint: Endpoint) -> Selection:
    """The orders that the fields of a request choose. Raises `OmsError` (422)."""
    by = endpoint.principal
    side = body.choice("side", SIDES, default="")
    everything = body.flag("everything")
    named = {field: body.text(field, longest=80) for field in NAMED}
    body.finish()
    found = {
        NAMED[field]: targets.target_of(NAMED[field], name, by=by).id
        for field, name in named.items()
        if name
    }
    if side:
        found["side"] = side
    if bool(found) == everything:
        raise OmsError("nothing_chosen", "Choose by at least one field, or give `everything`.")
    return Selection(organization_id=by.organization_id, **found)


def view(row: MassCancel) -> dict[str, Any]:
    """A mass cancel as clients see it."""
    return {
        "id": row.id,
        "client_mass_cancel_id": row.client_mass_cancel_id,
        "wanted": {k: v for k, v in row.wanted.items() if k != "organization_id"},
        "reason": row.reason,
        "requested_by": row.requested_by.username,
        "requested_at": row.requested_at,
        "orders": row.orders,
        "leaves_qty": row.leaves_qty,
        "notional": row.notional,
        "done_at": row.done_at,
        "counts": mass_canceling.counts(row),
    }


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise OmsError("invalid_number", "Give a whole number.", field=name)
    return int(text)
