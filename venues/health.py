"""How each venue is doing: line, lag, refusals and what waits, from the tables of the wire.

Read by pages and the admin; one query for all venues. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from venues.models import Venue

SILENT_AFTER = timedelta(seconds=10)
_LOOKED_AT = 500

# Reports by one index per venue, the newest first; their texts are JSON as they came.
_REPORTS = """
SELECT v.id, r.last_at, r.lag, r.fresh, r.refused,
    (SELECT count(*) FROM venues_outbound o WHERE o.venue_id = v.id AND o.sent_at IS NULL),
    (SELECT count(*) FROM venues_outbound o WHERE o.venue_id = v.id AND o.answered_at IS NULL
        AND o.sent_at IS NOT NULL AND o.kind <> 'H'),
    (SELECT count(*) FROM venues_inbound i WHERE i.venue_id = v.id AND i.applied_at IS NULL)
FROM venues_venue v LEFT JOIN LATERAL (
    SELECT max(received_at) AS last_at,
        avg(received_at - (body::json->>'transact_time')::timestamptz) AS lag,
        count(*) FILTER (WHERE body::json->>'exec_type' IN ('0', '8')) AS fresh,
        count(*) FILTER (WHERE body::json->>'exec_type' = '8') AS refused
    FROM (SELECT received_at, body FROM venues_inbound i
        WHERE i.venue_id = v.id AND i.body IS JSON ORDER BY seq DESC LIMIT %s) newest
) r ON true
"""


@dataclass(frozen=True, slots=True)
class Health:
    """One venue now. `lag` and `reject_rate` (0 to 1) are of its newest reports, None without any.

    `unsent`, `unanswered` and `unapplied` count messages that wait for the line, for the venue, and
    for us.
    """

    venue_id: str
    connected: bool
    heard_at: datetime | None
    last_report_at: datetime | None = None
    lag: timedelta | None = None
    reject_rate: float | None = None
    unsent: int = 0
    unanswered: int = 0
    unapplied: int = 0


def of_all(*, at: datetime) -> dict[str, Health]:
    """Every venue's health by its id."""
    heard = dict(Venue.objects.values_list("id", "last_heard_at"))
    with connection.cursor() as cursor:
        cursor.execute(_REPORTS, [_LOOKED_AT])
        rows = cursor.fetchall()
    return {
        venue_id: Health(
            venue_id=venue_id,
            connected=_is_fresh(heard.get(venue_id), at),
            heard_at=heard.get(venue_id),
            last_report_at=last_at,
            lag=lag,
            reject_rate=refused / fresh if fresh else None,
            unsent=unsent,
            unanswered=unanswered,
            unapplied=unapplied,
        )
        for venue_id, last_at, lag, fresh, refused, unsent, unanswered, unapplied in rows
    }


def _is_fresh(heard_at: datetime | None, at: datetime) -> bool:
    return heard_at is not None and at - heard_at <= SILENT_AFTER
