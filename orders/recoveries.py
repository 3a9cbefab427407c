"""Executions that only a drop copy tells of: offered to be booked, and taken off when they came.

Called by reconciliation inside its unit. It books nothing; `orders.recovering` does, by two people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, Q, QuerySet

from oms_site.journal.rows import LedgerFact, LedgerRow
from oms_site.journal.unit import Unit
from oms_site.kit import ids, numbers
from orders.models import Break, Execution, Order, Recovery
from orders.reconciling.differences import storable
from venues import instruments, sessions
from venues.calendar import OutsideCalendar
from venues.drop_copy import TheirTrade

_LONGEST_ID = 80  # of an ExecID(17) here
LIVE = (Recovery.Status.OPEN, Recovery.Status.PROPOSED)


def offer(
    work: Unit, difference: Break, venue_id: str, told: TheirTrade, *, at: datetime
) -> Recovery | None:
    """Offer to book a trade that the venue tells of and we have not.

    None where it is offered already, or is nothing that could be booked: then its break says so.
    """
    if not _is_bookable(told, difference.order_id):
        return None
    known = Recovery.objects.filter(_is_it(told), venue_id=venue_id, exec_id=told.exec_id)
    if known.filter(status__in=[*LIVE, Recovery.Status.BOOKED]).exists():
        return None
    # What was here and was taken back is never booked under its id again.
    if Execution.objects.filter(_is_it(told), source=venue_id, exec_id=told.exec_id).exists():
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


def _is_bookable(told: TheirTrade, order_id: str) -> bool:
    """Whether columns keep it as it was said, and our calendar reaches its day."""
    exec_id = told.exec_id
    if not 0 < len(exec_id) <= _LONGEST_ID or storable(exec_id) != exec_id:
        return False
    if not (_is_held("qty", told.qty) and _is_held("price", told.price)):
        return False
    instrument_id = Order.objects.values_list("instrument_id", flat=True).get(pk=order_id)
    calendar = sessions.calendar(instruments.by_id(instrument_id).market)
    try:
        calendar.settlement_date(told.trade_date)
    except OutsideCalendar:
        return False
    return True


def _is_held(name: str, value: Decimal) -> bool:
    """Whether a quantity or price is positive, and just what its column keeps of it."""
    field = Recovery._meta.get_field(name)
    assert isinstance(field, DecimalField)
    places = field.decimal_places
    least, beyond = Decimal(1).scaleb(-places), Decimal(1).scaleb(field.max_digits - places)
    in_reach = value.is_finite() and least <= value < beyond
    return in_reach and numbers.round_places(value, places=places) == value


def _is_it(told: TheirTrade) -> Q:
    """Which rows of its ExecID(17) are this trade: those of its day, and whatever its order has."""
    return Q(trade_date=told.trade_date) | Q(venue_order_id=told.cl_ord_id)


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
    # By its order: under whichever day the two sides have it, an order has an ExecID(17) once.
    here = set(fills.values_list("venue_order_id", "exec_id"))
    done = 0
    for row in rows.values():
        if row.status not in LIVE:
            continue
        if (row.venue_order_id, row.exec_id) in here:
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
