"""The latest price of every instrument: durable rows, kept in memory for at most a second.

Every venue's top of book is a row; the reference price is the best bid and offer over the venues
that spoke within the last seconds, so one slow venue does not hide the others. Where one of them
bids more than another asks, the last good price stays and grows old until that is over.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from oms_site.kit import clock
from venues import instruments
from venues.messages import Quote
from venues.models import ReferencePrice

_KEEP_SECONDS = 1.0
FRESH_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Price:
    """A price with where and when it comes from; `mid` is what controls measure against.

    `crossed`: the venues contradict each other now; this is the last price before, with its time.
    """

    mid: Decimal
    bid: Decimal | None
    ask: Decimal | None
    source: str
    at: datetime
    crossed: bool = False


class _Prices:
    def __init__(self) -> None:
        self._read_at = float("-inf")
        self._held: dict[int, Price] = {}
        self._lock = threading.Lock()

    def get(self) -> dict[int, Price]:
        if clock.monotonic() - self._read_at < _KEEP_SECONDS:
            return self._held
        with self._lock:
            rows = ReferencePrice.objects.values_list(
                *("instrument_id", "mid_px", "bid_px", "ask_px", "source", "at", "crossed")
            )
            self._held = {row[0]: Price(*row[1:]) for row in rows}
            self._read_at = clock.monotonic()
        return self._held

    def forget(self) -> None:
        self._read_at = float("-inf")


_prices = _Prices()
forget = _prices.forget


def reference(instrument_id: int) -> Price | None:
    """The price to measure an order against; at most a second behind the database.

    While the market is crossed it is the last one before: how old it may be, its user decides.
    """
    return _prices.get().get(instrument_id)


_TOPS = """
INSERT INTO venues_topofbook (instrument_id, venue_id, bid_px, bid_size, ask_px, ask_size, at)
SELECT one.instrument_id, %s, one.bid_px, one.bid_size, one.ask_px, one.ask_size, one.at
FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
            %s::timestamptz[]) AS one(instrument_id, bid_px, bid_size, ask_px, ask_size, at)
ON CONFLICT (instrument_id, venue_id) DO UPDATE SET bid_px = excluded.bid_px,
    bid_size = excluded.bid_size, ask_px = excluded.ask_px, ask_size = excluded.ask_size,
    at = excluded.at
WHERE venues_topofbook.at <= excluded.at
"""
# A venue that has been silent for longer than the others counts no more.
_REFERENCE = """
INSERT INTO venues_referenceprice (instrument_id, bid_px, ask_px, mid_px, source, at, crossed)
SELECT t.instrument_id, max(t.bid_px), min(t.ask_px), (max(t.bid_px) + min(t.ask_px)) / 2,
       CASE WHEN count(*) = 1 THEN min(t.venue_id) ELSE 'composite' END, max(t.at),
       max(t.bid_px) > min(t.ask_px)
FROM venues_topofbook t
JOIN (SELECT instrument_id, max(at) AS at FROM venues_topofbook
      WHERE instrument_id = ANY(%s) GROUP BY instrument_id) newest
  ON newest.instrument_id = t.instrument_id AND t.at >= newest.at - %s * interval '1 second'
GROUP BY t.instrument_id
HAVING max(t.bid_px) > 0 AND min(t.ask_px) > 0
ORDER BY t.instrument_id
ON CONFLICT (instrument_id) DO UPDATE SET (bid_px, ask_px, mid_px, source, at, crossed) =
    (SELECT r.bid_px, r.ask_px, r.mid_px, r.source, r.at, true
     FROM venues_referenceprice r
     WHERE r.instrument_id = excluded.instrument_id AND excluded.crossed
     UNION ALL
     SELECT excluded.bid_px, excluded.ask_px, excluded.mid_px, excluded.source, excluded.at, false
     WHERE NOT excluded.crossed)
WHERE venues_referenceprice.at <= excluded.at
   OR venues_referenceprice.source = 'evaluated'
"""


def take(quotes: Iterable[Quote], *, source: str) -> int:
    """Store the tops of a venue's books; how many are two-sided.

    Where one side is missing at every venue, the last reference price known stays.
    """
    latest = {}
    for quote in quotes:
        facts = instruments.find(quote.security_id)
        if facts is not None:
            latest[facts.id] = quote
    if not latest:
        return 0
    tops = [
        (key, q.bid_px, q.bid_size, q.ask_px, q.ask_size, q.at) for key, q in sorted(latest.items())
    ]
    columns = [list(column) for column in zip(*tops, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_TOPS, [source, *columns])
        cursor.execute(_REFERENCE, [columns[0], FRESH_SECONDS])
    return sum(q.bid_px is not None and q.ask_px is not None for q in latest.values())
