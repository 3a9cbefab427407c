"""The events of this room, on the timeline of the order they belong to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allocations.models import ClearingReport
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit


def tell(
    work: Unit,
    row: ClearingReport,
    event_type: str,
    *,
    at: datetime,
    by: Actor | None = None,
    **facts: Any,
) -> None:
    """Record one event about a report."""
    body = {
        "order_id": row.order_id,
        "clearing_id": row.id,
        "execution_id": row.execution_id,
        "party_id": row.party_id,
        "trans_type": row.trans_type,
        **facts,
    }
    work.record(row, event_type, body=body, order_id=row.order_id, at=at, by=by)
