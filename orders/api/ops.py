"""`/v1/ops/`: what operations do about bookings, and comparing now; every step says its outcome."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations import repairs
from allocations.models import Repair
from oms_site.api import bricks
from oms_site.kit.errors import OmsError
from orders import breaks, reconciliation
from orders.api import ops_schema
from orders.api.base import Endpoint
from orders.api.seen import text_of


class RetryBookings(Endpoint):
    """Send rejected or failed bookings once more, with their own keys."""

    @extend_schema(
        operation_id="ops_booking_retry",
        summary="Retry bookings",
        description="`booking_ids`, up to 200; each answers for itself.",
        request=ops_schema.OpsRetry,
        responses={200: ops_schema.OpsRetryResult, **bricks.errors(401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        found = repairs.retry_many(
            _texts(request.data, "booking_ids"),
            **self.told,
        )
        return Response({"results": found})


class RepairCreate(Endpoint):
    """Ask that a refused booking go to another custodian or account."""

    @extend_schema(
        operation_id="ops_repair_create",
        summary="Ask for a repair",
        request=ops_schema.OpsRepair,
        responses={201: ops_schema.OpsRepairAnswer, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        row = repairs.request(
            text_of(request.data, "booking_id"),
            reason=text_of(request.data, "reason"),
            custodian_id=text_of(request.data, "custodian_id"),
            account_id=text_of(request.data, "account_id"),
            **self.told,
        )
        return Response(_repair(row), status=201)


class RepairDecide(Endpoint):
    """Agree to a repair, or not, as another person than who asked."""

    @extend_schema(
        operation_id="ops_repair_decide",
        summary="Decide on a repair",
        request=ops_schema.OpsDecision,
        responses={200: ops_schema.OpsRepairAnswer, **bricks.errors(401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, repair_id: str) -> Response:
        row = repairs.decide(
            repair_id,
            approve=_flag(request.data, "approve"),
            note=text_of(request.data, "note"),
            **self.told,
        )
        return Response(_repair(row))


class ReconciliationRun(Endpoint):
    """Compare with every venue and custodian now."""

    @extend_schema(
        operation_id="ops_reconciliation_run",
        summary="Reconcile now",
        request=None,
        responses={200: ops_schema.OpsReconciliation, **bricks.errors(401, 403)},
    )
    def post(self, request: Request) -> Response:
        self.principal.require(breaks.RESOLVE)
        made = reconciliation.run(reconciliation.phase_now())
        return Response(
            {
                "results": [
                    {
                        "kind": row.kind,
                        "party": row.party or None,
                        "outcome": row.outcome,
                        "compared": row.compared,
                        "found": row.found,
                        "note": row.note or None,
                    }
                    for row in made
                ]
            }
        )


def _repair(row: Repair) -> dict[str, Any]:
    return {
        "repair_id": row.id,
        "booking_id": row.leg_id,
        "status": str(row.status),
        "custodian_id": row.custodian_id,
        "account_id": row.account_id,
        "reason": row.reason,
    }


def _flag(data: Any, name: str) -> bool:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, bool):
        raise OmsError("not_a_flag", "Give true or false.", field=name)
    return value


def _texts(data: Any, name: str) -> list[str]:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise OmsError("not_a_list", "Give a list of ids.", field=name)
    return value
