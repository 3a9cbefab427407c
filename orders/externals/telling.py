"""The events of an external order. It belongs to no order of ours, whoever adopts it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from oms_site.journal.rows import LedgerFact, LedgerRow
from oms_site.journal.unit import Unit
from orders.models import ExternalOrder


def tell(
    work: Unit,
    row: ExternalOrder,
    event_type: str,
    *,
    at: datetime,
    also: Sequence[LedgerRow | LedgerFact] = (),
    **facts: Any,
) -> None:
    """Record one event about it, with all that moved with it."""
    body = {
        "external_order_id": row.id,
        "venue_id": row.venue_id,
        "cl_ord_id": row.cl_ord_id,
        "desk": row.desk,
        "status": str(row.status),
        **facts,
    }
    work.record(row, event_type, body=body, also=also, at=at)
