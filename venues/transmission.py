"""Messages on their way to venues: written with the facts that cause them, sent after commit.

The gateway process drains them. Sending changes nothing but this queue: only a venue's report
moves an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from oms_site.journal.unit import Unit
from oms_site.kit import clock
from venues import messages
from venues.models import Outbound

CHANNEL = "oms_outbound"
Outgoing = (
    messages.NewOrder
    | messages.CancelRequest
    | messages.ReplaceRequest
    | messages.StatusRequest
    | messages.QuoteRequest
    | messages.QuoteResponse
)
HIT = f"AJ{int(messages.QuoteRespType.HIT)}"
# What a venue has to answer, by our word for it; the other quote responses are only told.
_ANSWERED = ("D", "F", "R", HIT)
_KINDS: dict[type, str] = {
    messages.NewOrder: "D",
    messages.CancelRequest: "F",
    messages.ReplaceRequest: "G",
    messages.StatusRequest: "H",
    messages.QuoteRequest: "R",
}


def queue(work: Unit, venue_id: str, message: Outgoing, *, at: datetime) -> None:
    """Have the message sent to the venue once the unit has committed."""
    response = message.resp_type if isinstance(message, messages.QuoteResponse) else None
    kind = _KINDS[type(message)] if response is None else f"AJ{int(response)}"
    work.add(
        Outbound(
            venue_id=venue_id,
            cl_ord_id=message.cl_ord_id,
            kind=kind,
            body=messages.encode(message).decode(),
            created_at=at,
            answered_at=at if response is not None and kind != HIT else None,
        )
    )


def take_due(venue_id: str, *, limit: int = 500) -> list[Outbound]:
    """Messages to send now, marked as sent before they touch the wire, oldest first."""
    with transaction.atomic():
        rows = list(
            Outbound.objects.select_for_update(skip_locked=True)
            .filter(venue_id=venue_id, sent_at=None)
            .order_by("id")[:limit]
        )
        if rows:
            _mark_sent([row.pk for row in rows])
    return rows


def take_doubtful(venue_id: str, *, older_than: timedelta, limit: int = 200) -> list[Outbound]:
    """Messages sent a while ago that no report has answered: their status must be asked."""
    before = clock.now() - older_than
    with transaction.atomic():
        rows = list(
            Outbound.objects.select_for_update(skip_locked=True)
            .filter(venue_id=venue_id, answered_at=None, sent_at__lt=before, kind__in=_ANSWERED)
            .order_by("id")[:limit]
        )
        if rows:
            _mark_sent([row.pk for row in rows])
    return rows


def _mark_sent(keys: Sequence[int]) -> None:
    Outbound.objects.filter(pk__in=keys).update(sent_at=clock.now(), sends=F("sends") + 1)


def answer(cl_ord_ids: Iterable[str], *, at: datetime) -> None:
    """These ids have been answered by a report: they are in doubt no longer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE venues_outbound SET answered_at = %s "
            "WHERE cl_ord_id = ANY(%s) AND answered_at IS NULL",
            [at, sorted(set(cl_ord_ids))],
        )


def requeue(cl_ord_id: str) -> None:
    """Send the NewOrder, or the hit, of this ClOrdID again, as it was."""
    Outbound.objects.filter(cl_ord_id=cl_ord_id, kind__in=("D", HIT)).update(
        sent_at=None, answered_at=None
    )
