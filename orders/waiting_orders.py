"""What the page of operations shows of clearing, orders of others and the valuation feed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allocations.clearing import views as clearing
from allocations.feed import views as feed
from orders.externals import views as externals
from orders.models import ExecutionOrder
from venues import instruments

MOST = 200
_LATEST = 12
_CANDIDATES_MOST = 50


def waiting(organization_id: str, *, at: datetime) -> dict[str, Any]:
    """Everything of these rooms that waits for a person, and the latest deliveries."""
    strangers = externals.shown(externals.of(organization_id, waiting=True)[:MOST])
    open_ones = _open_ones(organization_id) if strangers else []
    for one in strangers:
        one["candidates"] = [row for row in open_ones if _fits(row, one)]
    deliveries = feed.deliveries(organization_id)
    dead = feed.deliveries(organization_id, state="dead")
    return {
        "reports": clearing.shown(clearing.exceptions(organization_id, at=at)[:MOST]),
        "externals": strangers,
        "feeds": feed.endpoints(organization_id),
        "dead": feed.shown(organization_id, dead[:MOST]),
        "deliveries": feed.shown(organization_id, deliveries[:_LATEST]),
    }


def _open_ones(organization_id: str) -> list[dict[str, Any]]:
    """Our own execution orders that are worked outside and still open, newest first."""
    rows = ExecutionOrder.objects.filter(
        organization_id=organization_id, protocol="external", leaves_qty__gt=0
    )
    found = rows.select_related("order").order_by("-created_at", "-id")[:_CANDIDATES_MOST]
    return [
        {
            "id": row.id,
            "order_id": row.order_id,
            "cusip": instruments.by_id(row.order.instrument_id).cusip,
            "side": row.order.side,
            "left": row.leaves_qty,
        }
        for row in found
        if not row.is_terminal
    ]


def _fits(row: dict[str, Any], one: dict[str, Any]) -> bool:
    return (row["cusip"], row["side"]) == (one["security_id"], one["side"])
