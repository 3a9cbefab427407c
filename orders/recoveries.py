"""Executions that only a drop copy tells of: offered to be booked, and taken off when they came.

Called by reconciliation inside its unit. It books nothing; `orders.recovering` does, by two people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from oms_site.journal.rows import LedgerFact, LedgerRow
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders.models import Break, Execution, Recovery
from venues.drop_copy import TheirTrade

_LONGEST_ID = 80  # of an ExecID(17) here
LIVE = (Recovery.Status.OPEN, Recovery.Status.PROPOSED)


def offer(
    work: Unit, difference: Break, venue_id: str, told: TheirTrade, *, at: datetime
) -> Recovery | None:
    """Offer to book a trade that the venue tells of and we have not.

    None where it is offered already, or is nothing that could be booked: then its break says so.
    """
    if told.qty <= 0 or told.price <= 0 or not 0 < len(told.exec_id) <= _LONGEST_ID:
        return None
    known = Recovery.objects.filter(
        venue_id=venue_id, trade_date=told.trade_date, exec_id=told.exec_id
    )
    if known.filter(status__in=[*LIVE, Recovery.Status.BOOKED]).exists():
        return None
    row = Recovery(
        id=ids.prefixed("rc"),
        organization_id=difference.organization_id,
        difference_id=difference.id,
        venue_id=venue_id,
        order_id=difference.order_id,
        venue_order_id=told.cl_ord_id,
        exec_id=told.exec_id,
        qty=told.qty,
        price=told.price,
        trade_date=told.trade_date,
        traded_at=told.at,
        found_at=at,
    )
    work.add(row)
    tell(work, row, "recovery_offer", at=at)
    return row


def tidy(work: Unit, venue_id: str, *, at: datetime) -> int:
    """Take off what there is no need for any more: it came, or its break is closed; how many."""
    waiting = Recovery.objects.filter(venue_id=venue_id, status__in=LIVE)
    rows = work.lock(Recovery, waiting.values_list("id", flat=True))
    if not rows:
        return 0
    closed = Break.objects.filter(id__in={row.difference_id for row in rows.values()})
    over = set(closed.exclude(closed_at=None).values_list("id", flat=True))
    fills = Execution.objects.filter(
        source=venue_id, exec_id__in={row.exec_id for row in rows.values()}
    )
    here = set(fills.values_list("trade_date", "exec_id"))
    done = 0
    for row in rows.values():
        if row.status not in LIVE:
            continue
        if (row.trade_date, row.exec_id) in here:
            row.end(Recovery.Status.CAME.value, user_id=None, at=at)
            tell(work, row, "recovery_come", at=at)
        elif row.difference_id in over:
            row.end(Recovery.Status.DROPPED.value, user_id=None, at=at)
            tell(work, row, "recovery_drop", at=at)
        else:
            continue
        done += 1
    return done


def waiting(organization_id: str) -> QuerySet[Recovery]:
    """What waits for a person, oldest first; what was dropped with its break does not."""
    rows = Recovery.objects.filter(organization_id=organization_id, status__in=LIVE)
    rows = rows.filter(difference__closed_at=None).select_related("proposed_by")
    return rows.order_by("found_at", "id")


def tell(
    work: Unit,
    row: Recovery,
    event_type: str,
    *,
    at: datetime,
    also: Sequence[LedgerRow | LedgerFact] = (),
    **facts: Any,
) -> None:
    """Record one event about it, with all that moved with it."""
    body = {
        "recovery_id": row.id,
        "break_id": row.difference_id,
        "venue_id": row.venue_id,
        "cl_ord_id": row.venue_order_id,
        "venue_execution_id": row.exec_id,
        "amount": row.qty,
        "price": row.price,
        "trade_date": row.trade_date,
        **facts,
    }
    work.record(row, event_type, body=body, order_id=row.order_id, also=also, at=at)
