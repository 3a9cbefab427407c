"""One venue's tapes as we keep them: prints by number, bounded, and what to do about a gap.

Kept in the gateway process, one `Recorder` per venue, beside the books' `Shadow` and by the same
rules. Nothing is counted twice: after a gap what the venue's snapshot tells takes the place of all
that we had from that time on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from oms_site.kit import clock
from venues.market_data.counting import Count, Streams
from venues.messages import Quote, TapeMessage, TapePrint, TapeSnapshot, TapeUpdate
from venues.orderbook import ZERO, BookState
from venues.tapes import MINUTE, MOST_MINUTES, MOST_PRINTS, Print, VenueTape

# Between two copies of a tape that only says it is still so.
TELL_AGAIN_SECONDS = 15.0
# A print with the message that told it, and what the day came to by then.
_Told = tuple[TapePrint, TapeUpdate]


def _counted() -> Count[_Told]:
    return Count("trade")


@dataclass(slots=True)
class _Kept:
    """One tape. `prints` are in order of their numbers, `minutes` what they have pushed out."""

    count: Count[_Told] = field(default_factory=_counted)
    heard_at: datetime | None = None
    day: date = date.min
    volume: Decimal = ZERO
    # By id and time: a venue that began anew may use an id again.
    prints: dict[tuple[str, datetime], Print] = field(default_factory=dict)
    minutes: dict[datetime, Decimal] = field(default_factory=dict)
    told_at: float = float("-inf")


class Recorder(Streams[_Kept]):
    """All tapes of one venue."""

    def __init__(self, venue_id: str) -> None:
        super().__init__(venue_id, _Kept)

    def take(self, messages: Iterable[TapeMessage | Quote]) -> set[str]:
        """Work messages in; the securities whose tapes are to be told anew."""
        touched: set[str] = set()
        for message in messages:
            if isinstance(message, Quote):
                if self._confirm(message):
                    touched.add(message.security_id)
                continue
            kept = self._of(message.security_id)
            if isinstance(message, TapeSnapshot):
                self._replace(kept, message)
            else:
                for one in message.prints:
                    self._work_in(kept, kept.count.hear(one.seq, (one, message)))
            touched.add(message.security_id)
        for name in touched:
            self._kept[name].told_at = clock.monotonic()
        return touched

    def tape(self, security_id: str) -> VenueTape | None:
        """A tape as readers get it; None before the first snapshot."""
        kept = self._kept.get(security_id)
        if kept is None or kept.heard_at is None:
            return None
        reason = kept.count.reason
        return VenueTape(
            venue_id=self.venue_id,
            security_id=security_id,
            rpt_seq=kept.count.seq,
            heard_at=kept.heard_at,
            day=kept.day,
            volume=kept.volume,
            prints=tuple(kept.prints.values()),
            minutes=tuple(sorted(kept.minutes.items())),
            state=BookState.STALE if reason else BookState.LIVE,
            reason=reason,
        )

    def _confirm(self, quote: Quote) -> bool:
        """The venue says which number its tape has; whether readers are to be told."""
        kept = self._kept.get(quote.security_id)
        if kept is None or quote.tape_seq is None:
            return False
        was = kept.count.reason
        if kept.count.confirm(quote.tape_seq):
            kept.heard_at = quote.at
            return clock.monotonic() - kept.told_at >= TELL_AGAIN_SECONDS
        return kept.count.reason != was

    def _replace(self, kept: _Kept, told: TapeSnapshot) -> None:
        """What is older than the snapshot's first print stays; a trade has one time for ever.

        By time and not by number: a venue that began anew may count otherwise than before.
        """
        first = min((one.at for one in told.prints), default=None)
        if first is None:
            kept.prints, kept.minutes = {}, {}
        else:
            kept.prints = {key: one for key, one in kept.prints.items() if one.at < first}
            whole = (row for row in kept.minutes.items() if row[0] + MINUTE <= first)
            kept.minutes = dict(whole)
        kept.heard_at, kept.day = told.at, told.day
        kept.volume = _sum(told.prints) if told.volume is None else told.volume
        self._print(kept, told.prints)
        self._work_in(kept, kept.count.begin(told.rpt_seq))

    def _work_in(self, kept: _Kept, due: Sequence[_Told]) -> None:
        if not due:
            return
        self._print(kept, [one for one, _ in due])
        last = due[-1][1]
        if last.volume is not None:
            kept.volume = last.volume
        else:
            former = kept.volume if last.day == kept.day else ZERO
            kept.volume = former + _sum(one for one, told in due if told.day == last.day)
        kept.heard_at, kept.day = last.at, last.day

    def _print(self, kept: _Kept, prints: Iterable[TapePrint]) -> None:
        for one in prints:
            if one.action == "2":
                if kept.prints.pop((one.trade_id, one.at), None) is None:
                    self._add(kept, one.at, -one.size)
                continue
            made = Print(one.seq, one.trade_id, one.px, one.size, one.at)
            kept.prints[one.trade_id, one.at] = made
        while len(kept.prints) > MOST_PRINTS:
            oldest = kept.prints.pop(next(iter(kept.prints)))
            self._add(kept, oldest.at, oldest.size)

    def _add(self, kept: _Kept, at: datetime, size: Decimal) -> None:
        """Into its minute, if that is still kept: what was taken back may be older than all."""
        minute = _minute(at)
        if size < 0 and minute not in kept.minutes:
            return
        kept.minutes[minute] = max(kept.minutes.get(minute, ZERO) + size, ZERO)
        while len(kept.minutes) > MOST_MINUTES:
            del kept.minutes[min(kept.minutes)]


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _sum(prints: Iterable[TapePrint]) -> Decimal:
    """What prints come to, those that were taken back counted against."""
    return sum((-one.size if one.action == "2" else one.size for one in prints), ZERO)
