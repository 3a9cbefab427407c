"""What securities were worth at a past moment: the last reference price known by then.

The database keeps prices as they move (`allocations_pastprice`): the first and the last of every
five minutes, so that one asked for is at most that much older than what was known. It says when it
is of; where nothing was known by then there is none.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from venues.market_data import Price

# The price of now counts too where it has not moved since that moment.
_THEN = """
SELECT i.id, k.mid_px, k.source, k.at
FROM unnest(%(ids)s::bigint[]) AS i(id) CROSS JOIN LATERAL (
    SELECT mid_px, source, at FROM (
        (SELECT p.mid_px, p.source, p.at FROM allocations_pastprice p
            WHERE p.instrument_id = i.id AND p.at <= %(at)s ORDER BY p.at DESC LIMIT 1)
        UNION ALL
        SELECT r.mid_px, r.source, r.at FROM venues_referenceprice r
            WHERE r.instrument_id = i.id AND r.at <= %(at)s
    ) known ORDER BY at DESC LIMIT 1) k
"""


def known_at(instrument_ids: Collection[int], *, at: datetime) -> dict[int, Price]:
    """The last price of each of these by a moment; what had none is absent. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_THEN, {"ids": sorted(set(instrument_ids)), "at": at})
        return {
            key: Price(mid=mid, bid=None, ask=None, source=source, at=when)
            for key, mid, source, when in cursor.fetchall()
        }
