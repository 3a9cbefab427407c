"""How each venue is doing: line, lag, refusals and what waits, from the tables of the wire.

Read by pages and the admin; one query for all venues. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from venues import lines
from venues.models import Venue

SILENT_AFTER = timedelta(seconds=10)
_LOOKED_AT = 500

# Reports by one index per venue, the newest first; their texts are JSON as they came.
_REPORTS = """
SELECT v.id, r.last_at, r.lag, r.fresh, r.refused,
    (SELECT count(*) FROM venues_outbound o WHERE o.venue_id = v.id AND o.sent_at IS NULL),
    (SELECT count(*) FROM venues_outbound o WHERE o.venue_id = v.id AND o.answered_at IS NULL
        AND o.sent_at IS NOT NULL AND o.kind <> 'H'),
    (SELECT count(*) FROM venues_inbound i WHERE i.venue_id = v.id AND i.applied_at IS NULL),
    l.address, l.heartbeat_at, l.rtt_us, l.offset_ms, l.connects
FROM venues_venue v LEFT JOIN venues_linestate l ON l.venue_id = v.id LEFT JOIN LATERAL (
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
    address: str = ""
    heartbeat_at: datetime | None = None
    rtt_ms: float | None = None
    offset_ms: float | None = None
    connects: int = 0

    @property
    def clock_is_off(self) -> bool:
        """The venue's clock and ours are too far apart for stamps to be compared."""
        most = lines.MOST_OFFSET.total_seconds() * 1000
        return self.offset_ms is not None and abs(self.offset_ms) > most

    @property
    def why_bad(self) -> str:
        """What a person should look at, if anything."""
        return f"clock off by {self.offset_ms:+,.0f} ms" if self.clock_is_off else ""


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
            address=address or "",
            heartbeat_at=heartbeat_at,
            rtt_ms=None if rtt_us is None else rtt_us / 1000,
            offset_ms=offset_ms,
            connects=connects or 0,
        )
        for venue_id, last_at, lag, fresh, refused, unsent, unanswered, unapplied, *line in rows
        for address, heartbeat_at, rtt_us, offset_ms, connects in [line]
    }


def _is_fresh(heard_at: datetime | None, at: datetime) -> bool:
    return heard_at is not None and at - heard_at <= SILENT_AFTER
