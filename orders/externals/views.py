"""External orders as clients and screens see them; scoped to an organization."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from orders.external_states import ExternalStatus
from orders.models import ExternalFill, ExternalOrder
from venues import instruments

_WAITING = (ExternalStatus.SUSPENSE, ExternalStatus.PROPOSED)


def of(organization_id: str, *, waiting: bool) -> QuerySet[ExternalOrder]:
    """Those of an organization, oldest first."""
    rows = ExternalOrder.objects.filter(organization_id=organization_id)
    if waiting:
        rows = rows.filter(status__in=_WAITING)
    return rows.select_related("proposed_by").order_by("created_at", "id")


def shown(rows: Iterable[ExternalOrder]) -> list[dict[str, Any]]:
    """External orders with their fills: two queries, however many there are."""
    found = list(rows)
    fills: dict[str, list[ExternalFill]] = {}
    told = ExternalFill.objects.filter(external_id__in=[row.id for row in found])
    for fill in told.order_by("external_id", "sequence"):
        fills.setdefault(fill.external_id, []).append(fill)
    return [_one(row, fills.get(row.id, [])) for row in found]


def _one(row: ExternalOrder, fills: list[ExternalFill]) -> dict[str, Any]:
    instrument = instruments.find(row.security_id)
    return {
        "external_order_id": row.id,
        "version": row.version,
        "venue_id": row.venue_id,
        "cl_ord_id": row.cl_ord_id,
        "venue_order_id": row.venue_order_id or None,
        "desk": row.desk or None,
        "security_id": row.security_id,
        "description": instrument.description if instrument else None,
        "side": row.side,
        "order_amount": row.order_qty,
        "filled_amount": row.cum_qty,
        "status": str(row.status),
        "created_at": row.created_at,
        "last_report_at": row.last_report_at,
        "order_id": row.order_id or None,
        "execution_order_id": row.execution_order_id or None,
        "disowns": row.disowns,
        "reason": row.reason or None,
        "proposed_by": getattr(row.proposed_by, "username", None),
        "proposed_by_id": row.proposed_by_id,
        "decided_at": row.decided_at,
        "next_step": _next_step(row),
        "fills": [
            {
                "venue_execution_id": fill.exec_id,
                "amount": fill.qty,
                "price": fill.price,
                "trade_date": fill.trade_date,
                "executed_at": fill.executed_at,
            }
            for fill in fills
        ],
    }


def _next_step(row: ExternalOrder) -> str:
    if row.status == ExternalStatus.PROPOSED:
        verb = "disown it" if row.disowns else f"book it to {row.order_id}"
        return f"Another person agrees to {verb}, or sends it back."
    if row.status == ExternalStatus.SUSPENSE:
        return "Say which external execution order it is, or that it is nobody's here."
    return "Nothing: it is decided."
