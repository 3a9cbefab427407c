"""The latest price of every instrument, kept in memory for at most a second."""

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


@dataclass(frozen=True, slots=True)
class Price:
    """A price with where and when it comes from; `mid` is what controls measure against."""

    mid: Decimal
    bid: Decimal | None
    ask: Decimal | None
    source: str
    at: datetime


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
                "instrument_id", "mid_px", "bid_px", "ask_px", "source", "at"
            )
            self._held = {row[0]: Price(*row[1:]) for row in rows}
            self._read_at = clock.monotonic()
        return self._held

    def forget(self) -> None:
        self._read_at = float("-inf")


_prices = _Prices()
forget = _prices.forget


def reference(instrument_id: int) -> Price | None:
    """The price to measure an order against; at most a second behind the database."""
    return _prices.get().get(instrument_id)


_UPSERT = """
INSERT INTO venues_referenceprice (instrument_id, bid_px, ask_px, mid_px, source, at)
SELECT * FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::text[],
                     %s::timestamptz[])
ON CONFLICT (instrument_id) DO UPDATE SET bid_px = excluded.bid_px, ask_px = excluded.ask_px,
    mid_px = excluded.mid_px, source = excluded.source, at = excluded.at
WHERE venues_referenceprice.at <= excluded.at
   OR venues_referenceprice.source = 'evaluated'
"""


def take(quotes: Iterable[Quote], *, source: str) -> int:
    """Store the latest quotes of a venue. One-sided and empty books keep the last price known."""
    rows = []
    for quote in quotes:
        facts = instruments.find(quote.security_id)
        if facts is None or quote.bid_px is None or quote.ask_px is None:
            continue
        mid = (quote.bid_px + quote.ask_px) / 2
        rows.append((facts.id, quote.bid_px, quote.ask_px, mid, source, quote.at))
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT, [list(column) for column in zip(*sorted(rows), strict=True)])
    return len(rows)
