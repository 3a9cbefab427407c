"""The cache of books: one that is away is not waited for again and again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from oms_site.kit import clock
from venues.market_data.cache import Cache
from venues.orderbook import BookState, VenueBook

BOOK = VenueBook(
    venue_id="SIMA",
    security_id="912810TL2",
    rpt_seq=1,
    heard_at=datetime(2026, 11, 23, 15, 0, tzinfo=UTC),
    bids=(),
    asks=(),
    state=BookState.LIVE,
)


def test_who_writes_waits_once_for_a_cache_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []
    now = [1_000.0]

    class Away:
        def pipeline(self, **how: Any) -> Any:
            tries.append(now[0])
            raise redis.TimeoutError("it hangs")

    cache = Cache(kind="book", row=VenueBook)
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(cache, "_redis", Away)
    assert [cache.write([BOOK]), cache.write([BOOK])] == [False, False]
    now[0] += 1.9
    assert not cache.write([BOOK])
    assert tries == [1_000.0]
    now[0] += 0.2
    assert not cache.write([BOOK])
    assert tries == [1_000.0, now[0]]
