"""What has traded in public, as values: one venue's tape of one security, and several as one.

Plain Python, as the order books beside it. The last trades are kept one by one and older ones by
the minute, so a volume since long ago may leave out a part of a minute: too little, never too much.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from venues.orderbook import ZERO, BookState

MOST_PRINTS = 64
MOST_MINUTES = 240
MINUTE = timedelta(minutes=1)


class Print(msgspec.Struct, frozen=True, array_like=True):
    """One public trade that stands; `seq` is its number on its venue's tape of the security."""

    seq: int
    trade_id: str
    px: Decimal
    size: Decimal
    at: datetime


class VenueTape(msgspec.Struct, frozen=True):
    """One venue's tape of one security; `heard_at` is the venue's time.

    `volume` is the day's as the venue tells it. `prints` are the last ones, oldest first; `minutes`
    are older volumes by the minute they began with.
    """

    venue_id: str
    security_id: str
    rpt_seq: int
    heard_at: datetime
    day: date
    volume: Decimal
    prints: tuple[Print, ...] = ()
    minutes: tuple[tuple[datetime, Decimal], ...] = ()
    state: BookState = BookState.LIVE
    reason: str = ""

    def seen(self, at: datetime, *, max_age_s: float) -> VenueTape:
        """The tape as it counts at a moment: unheard of for too long, it is stale."""
        age = (at - self.heard_at).total_seconds()
        if self.state is BookState.LIVE and abs(age) > max_age_s:
            reason = f"not heard of for {age:.0f} s"
            return msgspec.structs.replace(self, state=BookState.STALE, reason=reason)
        return self

    def traded(self, since: datetime, until: datetime) -> Decimal:
        """What traded after one moment up to another, never more than that."""
        single = sum((one.size for one in self.prints if since < one.at <= until), ZERO)
        whole = (
            size for begins, size in self.minutes if begins > since and begins + MINUTE <= until
        )
        return single + sum(whole, ZERO)

    def volume_of(self, day: date) -> Decimal:
        """The volume of a day: the tape's own, or nothing yet."""
        return self.volume if day == self.day else ZERO


class Tapes(msgspec.Struct, frozen=True):
    """The tapes of one security at all venues, as they counted at one moment."""

    security_id: str
    at: datetime
    tapes: tuple[VenueTape, ...] = ()

    @property
    def live(self) -> list[VenueTape]:
        """The tapes that can be believed."""
        return [tape for tape in self.tapes if tape.state is BookState.LIVE]

    @property
    def state(self) -> BookState:
        """Stale unless at least one venue's tape is live."""
        return BookState.LIVE if self.live else BookState.STALE

    def of(self, venue_id: str) -> Tapes:
        """The tape of one venue alone; every venue's where none is named."""
        if not venue_id:
            return self
        held = tuple(tape for tape in self.tapes if tape.venue_id == venue_id)
        return Tapes(self.security_id, self.at, held)

    def last(self) -> tuple[str, Print] | None:
        """The latest trade at any venue, and where: of stale tapes too, with its time."""
        found = [
            (tape.venue_id, max(tape.prints, key=lambda one: one.at))
            for tape in self.tapes
            if tape.prints
        ]
        return max(found, key=lambda one: one[1].at, default=None)

    def prints(self, *, most: int) -> list[tuple[str, Print]]:
        """The latest trades of all venues, newest first, and where each was."""
        rows = ((tape.venue_id, one) for tape in self.tapes for one in tape.prints)
        return sorted(rows, key=lambda row: (row[1].at, row[0], row[1].seq), reverse=True)[:most]

    def traded(self, since: datetime, until: datetime) -> Decimal:
        """What the live tapes say has traded between two moments."""
        return sum((tape.traded(since, until) for tape in self.live), ZERO)

    def volume_of(self, day: date) -> Decimal:
        """A day's volume by the live tapes."""
        return sum((tape.volume_of(day) for tape in self.live), ZERO)

    def why_stale(self) -> str:
        """What is wrong with each tape that cannot be believed."""
        return _listed(tape for tape in self.tapes if tape.state is BookState.STALE)


def _listed(tapes: Iterable[VenueTape]) -> str:
    return "; ".join(f"{tape.venue_id}: {tape.reason}" for tape in tapes)
