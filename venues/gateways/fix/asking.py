"""What we ask of a venue's market data over FIX, and under which ids: kept for one connection.

Called in the session's thread. A venue that offers none in this session is asked nothing, and FIX
has no word for all securities: they are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from oms_site.kit import ids
from venues.messages import MarketDataRequest, WireOut
from venues.models import Instrument

# Securities of one request; ids that are remembered, which are far more than are ever answered.
TOGETHER = 100
MOST = 5_000


class Asking:
    """The requests of one connection, by MDReqID(262)."""

    def __init__(self, *, offered: bool) -> None:
        self._offered = offered
        self.by_id: dict[str, MarketDataRequest] = {}

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
            while len(self.by_id) > MOST:
                del self.by_id[next(iter(self.by_id))]
            yield made


def _every() -> tuple[str, ...]:
    rows = Instrument.objects.filter(status=Instrument.Status.ACTIVE).order_by("cusip")
    return tuple(rows.values_list("cusip", flat=True))
