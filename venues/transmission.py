"""Messages on their way to venues: written with the facts that cause them, sent after commit.

The gateway process drains them. Sending changes nothing but this queue: only a venue's report
moves an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from django.db import transaction
from django.db.models import F, QuerySet

from oms_site.firm import libpq
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from venues import messages
from venues.models import Outbound, Venue

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
_ANSWERED = ("D", "F", "G", "R", HIT)
# How many that may not overtake hide no cancel behind them.
_SPARE = 100
_ANSWER = """
UPDATE venues_outbound SET answered_at = $1::timestamptz
WHERE cl_ord_id = ANY($2::text[]) AND answered_at IS NULL
"""
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
    work.knock(CHANNEL, venue_id)


def take_due(venue_id: str, *, limit: int = 500, cancels_first: bool = False) -> list[Outbound]:
    """Messages to send now, marked as sent before they touch the wire, oldest first.

    `cancels_first` is for a venue that takes fewer than there are: a cancel overtakes everything
    but the message whose order it cancels.
    """
    with transaction.atomic():
        waiting = Outbound.objects.select_for_update(skip_locked=True).filter(
            venue_id=venue_id, sent_at=None
        )
        rows = _overtaking(venue_id, waiting, limit) if cancels_first else []
        taken = [row.pk for row in rows]
        if len(rows) < limit:
            rows += waiting.exclude(pk__in=taken).order_by("id")[: limit - len(rows)]
        if rows:
            _mark_sent([row.pk for row in rows])
    return rows


def _overtaking(venue_id: str, waiting: QuerySet[Outbound], limit: int) -> list[Outbound]:
    """Cancels whose order is not itself still waiting to be sent.

    A row that cannot be read overtakes nothing: in its turn the last look ends it.
    """
    cancels = {
        row: message
        for row in waiting.filter(kind="F").order_by("id")[: limit + _SPARE]
        if (message := _cancel(row)) is not None
    }
    named = [message.orig_cl_ord_id for message in cancels.values()]
    unsent = set(
        Outbound.objects.filter(
            venue_id=venue_id, sent_at=None, kind__in=("D", "G"), cl_ord_id__in=named
        ).values_list("cl_ord_id", flat=True)
    )
    free = [row for row, message in cancels.items() if message.orig_cl_ord_id not in unsent]
    return free[:limit]


def _cancel(row: Outbound) -> messages.CancelRequest | None:
    try:
        message = messages.decode_outgoing(row.body)
    except msgspec.MsgspecError:
        return None
    return message if isinstance(message, messages.CancelRequest) else None


def pace_of(venue_id: str) -> int:
    """How many messages a second the venue takes from us; 0 is no limit."""
    rows = Venue.objects.filter(pk=venue_id).values_list("max_messages_per_s", flat=True)
    return int(rows.first() or 0)


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
    libpq.written(*answered(cl_ord_ids, at=at))


def answered(cl_ord_ids: Iterable[str], *, at: datetime) -> libpq.Asked:
    """The statement of `answer`, for those who send it together with others."""
    return _ANSWER, [at, sorted(set(cl_ord_ids))]


def withheld(cl_ord_ids: Iterable[str]) -> set[str]:
    """Those of these ids that ended here before anything of them was sent."""
    never = Outbound.objects.filter(
        cl_ord_id__in=sorted(set(cl_ord_ids)), kind__in=("D", HIT), sends=0
    )
    return set(never.exclude(answered_at=None).values_list("cl_ord_id", flat=True))


def requeue_replace(cl_ord_id: str) -> None:
    """Send a ReplaceRequest again, as it was, when it has been asked about and is not answered."""
    asked = Outbound.objects.filter(cl_ord_id=cl_ord_id, kind="G", sends__gt=1, answered_at=None)
    asked.update(sent_at=None)


def requeue(cl_ord_id: str) -> None:
    """Send the NewOrder, or the hit, of this ClOrdID again, as it was."""
    Outbound.objects.filter(cl_ord_id=cl_ord_id, kind__in=("D", HIT)).update(
        sent_at=None, answered_at=None
    )
