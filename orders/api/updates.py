"""One update in every view: the order, transactions, holdings and balances that it moved."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.holdings import updates
from oms_site.api import bricks
from oms_site.api.bricks import shape
from oms_site.kit.errors import NotFound
from orders import fills
from orders.api.base import Endpoint
from orders.models import Execution


def _number() -> s.DecimalField:
    return s.DecimalField(max_digits=24, decimal_places=10, coerce_to_string=False)


Update = shape(
    "Update",
    update_id=s.CharField(),
    orders=s.ListField(
        child=shape("UpdateExecution", order_id=s.CharField(), execution_id=s.CharField())(),
        help_text="the executions behind it, as the order's own list tells them",
    ),
    transactions=s.ListField(
        child=shape(
            "UpdateTransaction",
            account_id=s.CharField(),
            movement_id=s.CharField(),
            kind=s.CharField(),
            source_id=s.CharField(help_text="the execution, booking or transaction"),
            amount=_number(),
            net_money=_number(),
        )()
    ),
    holdings=s.ListField(
        child=shape(
            "UpdateHolding",
            account_id=s.CharField(),
            instrument_id=s.IntegerField(),
            amount=_number(),
            cost=_number(),
            realized=_number(),
        )()
    ),
    balances=s.ListField(
        child=shape(
            "UpdateBalance", account_id=s.CharField(), currency=s.CharField(), traded=_number()
        )()
    ),
)


class UpdateDetail(Endpoint):
    """What one update did, in every view of it."""

    @extend_schema(
        operation_id="update_retrieve",
        summary="Get an update in all its views",
        description="`update_id` is on every event: what has the same one happened in the same "
        "moment. Answers for updates that moved holdings, as they stood right after it; a "
        "transaction's `source_id` is its execution's `execution_id`.",
        responses={200: Update, **bricks.errors(401, 403, 404)},
    )
    def get(self, request: Request, update_id: str) -> Response:
        self.principal.require("order.view")
        moved = updates.movements(self.principal.organization_id, update_id)
        if not moved:
            raise NotFound("update")
        sources = {row.source_id for row in moved}
        rows = Execution.objects.filter(id__in=sources).select_related("order")
        executed = [
            {"order_id": row.order_id, **fills.wire(row, row.order.amount_type)}
            for row in rows.order_by("order_id", "sequence")
        ]
        return Response({"update_id": update_id, "orders": executed, **updates.views(moved)})
