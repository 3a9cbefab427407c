"""`/ws/market/?cusip=…`: one instrument's books for one browser session, as they are, conflated.

    hello -> snapshot{seq, book} … hb

Every snapshot is the whole picture, at most four a second; a screen that missed one has missed
nothing. A book that is stale says so and keeps its last levels to look at.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from orders.changes import Changes, in_thread
from orders.screen_socket import ScreenSocket
from venues import instruments
from venues.instruments import InstrumentFacts
from venues.market_data import views
from venues.orderbook import Composite, combined
from venues.price_stream.hub import Watcher, hub
from venues.tapes import Tapes

DEPTH = 10
PRINTS = 12
THROTTLE_SECONDS = 0.25


class MarketSocket(ScreenSocket):
    """One screen that shows one instrument's market."""

    _facts: InstrumentFacts | None = None
    _ringing: asyncio.Task[None] | None = None
    _told: Any = None

    async def entered(self, principal: Principal) -> None:
        asked = parse_qs(self.scope["query_string"].decode("latin-1")).get("cusip", [""])[0]
        self._facts = await in_thread(_find, asked)
        self._watcher = Watcher()
        if self._facts is not None:
            await hub().watch(self._watcher, [self._facts.cusip])
            self._ringing = asyncio.create_task(self._ring())

    async def disconnect(self, code: int) -> None:
        if self._ringing is not None:
            self._ringing.cancel()
            hub().leave(self._watcher)
        await super().disconnect(code)

    async def tell(self, watched: Changes) -> None:
        if self._facts is None:
            return
        at = clock.now()
        books, tapes = hub().books(self._facts.cusip, at=at), hub().tapes(self._facts.cusip, at=at)
        # What counts on a screen; a heartbeat tells that the rest is as it was.
        seen = [(b.venue_id, b.rpt_seq, b.state, b.heard_at) for b in books.books]
        seen += [(t.venue_id, t.rpt_seq, t.state, t.heard_at) for t in tapes.tapes]
        if seen == self._told:
            return
        self._told, self._seq = seen, self._seq + 1
        picture = await in_thread(_picture, self._facts, books, tapes)
        await self.say("snapshot", seq=self._seq, book=picture)

    async def _ring(self) -> None:
        while True:
            await self._watcher.bell.wait()
            self._watcher.bell.clear()
            self._watcher.changed.clear()
            self.wake()
            await asyncio.sleep(THROTTLE_SECONDS)


def _find(name: str) -> InstrumentFacts | None:
    generation.check()
    return instruments.find(name)


def _picture(facts: InstrumentFacts, books: Composite, tapes: Tapes) -> dict[str, Any]:
    """The ladder by venue and joined, each venue's state, the tape and the reference price."""
    shown = Composite(books.security_id, books.at, tuple(books.live) or books.books)
    live = bool(books.live)
    return {
        **views.unified(facts, books, tapes),
        "bids": _rows(shown, "sell", live),
        "asks": _rows(shown, "buy", live),
        "joined": {"bids": _joined(shown, "sell", live), "asks": _joined(shown, "buy", live)},
        "tape": views.prints(tapes, most=PRINTS),
        "asset_class": facts.asset_class,
    }


def _rows(books: Composite, side: str, live: bool) -> list[dict[str, Any] | None]:
    return [views.row(one) for one in books.levels(side, depth=DEPTH, live_only=live)]


def _joined(books: Composite, side: str, live: bool) -> list[dict[str, Any] | None]:
    rows = combined(books.levels(side, live_only=live))
    return [views.row(one) for one in rows[:DEPTH]]
