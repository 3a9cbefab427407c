"""What we ask of a venue's market data over FIX, and under which ids: kept for one connection.

Called in the session's thread. A venue that offers none in this session is asked nothing, and FIX
has no word for all securities: they are named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from oms_site.kit import ids
from venues.messages import MarketDataRequest, WireOut
from venues.models import Instrument

# Securities of one request; snapshots asked for whose ids are remembered, far more than are ever
# on their way. What is told for ever is told under its id for ever.
TOGETHER = 100
MOST = 5_000


class Asking:
    """The requests of one connection, by MDReqID(262)."""

    def __init__(self, *, offered: bool) -> None:
        self._offered = offered
        self.by_id: dict[str, MarketDataRequest] = {}
        self._once: deque[str] = deque()

    def named(self, messages: Sequence[WireOut]) -> list[WireOut]:
        """Messages as they can be said here: requests under ids, each with its securities."""
        found: list[WireOut] = []
        for message in messages:
            if not isinstance(message, MarketDataRequest):
                found.append(message)
            elif self._offered:
                found += self._split(message)
        return found

    def _split(self, message: MarketDataRequest) -> Iterator[MarketDataRequest]:
        wanted = message.securities or _every()
        for n in range(0, len(wanted), TOGETHER):
            made = msgspec.structs.replace(
                message, securities=wanted[n : n + TOGETHER], md_req_id=ids.prefixed("md")
            )
            self.by_id[made.md_req_id] = made
            if made.kind == "0":
                self._once.append(made.md_req_id)
            while len(self._once) > MOST:
                del self.by_id[self._once.popleft()]
            yield made


def _every() -> tuple[str, ...]:
    rows = Instrument.objects.filter(status=Instrument.Status.ACTIVE).order_by("cusip")
    return tuple(rows.values_list("cusip", flat=True))
