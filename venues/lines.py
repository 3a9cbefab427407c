"""How each venue's line is now, written down by its connection for people to look at.

One small row per venue, overwritten every few seconds. Nothing decides by it.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from oms_site.kit import clock
from venues.gateways.port import Line
from venues.models import LineState

# A venue's clock and ours may be that far apart (FINRA: 50 ms for business clocks).
MOST_OFFSET = timedelta(milliseconds=50)


def connected(venue_id: str, line: Line) -> None:
    """A session has begun."""
    row, made = LineState.objects.get_or_create(
        venue_id=venue_id, defaults={"measured_at": clock.now(), "connects": 1}
    )
    if not made:
        LineState.objects.filter(pk=row.pk).update(connects=F("connects") + 1)
    measured(venue_id, line)


def measured(venue_id: str, line: Line) -> None:
    """What the line tells of itself."""
    LineState.objects.filter(venue_id=venue_id).update(
        address=line.address,
        heartbeat_at=line.heartbeat_at,
        rtt_us=None if line.rtt is None else round(line.rtt.total_seconds() * 1e6),
        offset_ms=None if line.offset is None else round(line.offset.total_seconds() * 1e3, 3),
        measured_at=clock.now(),
    )
