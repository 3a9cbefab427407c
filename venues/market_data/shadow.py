"""One venue's books as we keep them: snapshots, numbered updates, and what to do about a gap.

Kept in the gateway process, one `Shadow` per venue. A book with a gap stays as it was, marked
stale, and what comes in meanwhile waits beside it until a snapshot closes the gap. Nothing is
ever guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from venues.market_data.counting import ASK_AGAIN_SECONDS, Count, Streams
from venues.messages import BookMessage, BookSnapshot, BookUpdate, MdEntry, MdTrade, Quote
from venues.orderbook import ZERO, BookOrder, BookState, LastTrade, VenueBook

__all__ = ["ASK_AGAIN_SECONDS", "Shadow"]


def _counted() -> Count[BookUpdate]:
    return Count("update")


@dataclass(slots=True)
class _Kept:
    """One book, and how far it has been heard."""

    count: Count[BookUpdate] = field(default_factory=_counted)
    heard_at: datetime | None = None
    entries: dict[str, tuple[int, MdEntry]] = field(default_factory=dict)
    trade: MdTrade | None = None


class Shadow(Streams[_Kept]):
    """All books of one venue."""

    def __init__(self, venue_id: str) -> None:
        super().__init__(venue_id, _Kept)
        self._arrivals = count()

    def take(self, messages: Iterable[BookMessage | Quote]) -> set[str]:
        """Work messages in; the securities whose books changed, or were heard of again."""
        touched: set[str] = set()
        for message in messages:
            kept = self._of(message.security_id)
            match message:
                case BookSnapshot():
                    self._replace(kept, message)
                case BookUpdate():
                    self._work_in(kept, kept.count.hear(message.rpt_seq, message))
                case Quote() if message.rpt_seq is not None:
                    # One without a snapshot yet has nothing to be confirmed.
                    if kept.count.confirm(message.rpt_seq):
                        kept.heard_at = message.at
                case _:
                    continue
            touched.add(message.security_id)
        return touched

    def book(self, security_id: str) -> VenueBook | None:
        """A book as readers get it; None before the first snapshot."""
        kept = self._kept.get(security_id)
        if kept is None or kept.heard_at is None:
            return None
        trade, reason = kept.trade, kept.count.reason
        return VenueBook(
            venue_id=self.venue_id,
            security_id=security_id,
            rpt_seq=kept.count.seq,
            heard_at=kept.heard_at,
            bids=_side(kept, "0"),
            asks=_side(kept, "1"),
            trade=LastTrade(trade.px, trade.size, trade.at) if trade is not None else None,
            state=BookState.STALE if reason else BookState.LIVE,
            reason=reason,
        )

    def _replace(self, kept: _Kept, snapshot: BookSnapshot) -> None:
        kept.heard_at = snapshot.at
        kept.entries = {one.entry_id: (next(self._arrivals), one) for one in snapshot.entries}
        kept.trade = snapshot.trade or kept.trade
        self._work_in(kept, kept.count.begin(snapshot.rpt_seq))

    def _work_in(self, kept: _Kept, updates: Iterable[BookUpdate]) -> None:
        for update in updates:
            for entry in update.entries:
                self._change(kept, entry)
            kept.heard_at = update.at
            kept.trade = update.trade or kept.trade

    def _change(self, kept: _Kept, entry: MdEntry) -> None:
        if entry.action == "2":
            kept.entries.pop(entry.entry_id, None)
            return
        known = kept.entries.get(entry.entry_id)
        # A smaller size at the same price keeps the place in the queue; all else goes behind.
        stays = known is not None and known[1].px == entry.px and entry.size <= known[1].size
        place = known[0] if known is not None and stays else next(self._arrivals)
        kept.entries[entry.entry_id] = (place, entry)


def _side(kept: _Kept, kind: str) -> tuple[BookOrder, ...]:
    rows = [(place, one) for place, one in kept.entries.values() if one.entry_type == kind]
    rows.sort(key=lambda row: (row[1].px if kind == "1" else -row[1].px, row[0]))
    return tuple(
        BookOrder(
            entry_id=one.entry_id,
            px=one.px,
            size=one.size,
            min_size=one.min_size or ZERO,
            min_increment=one.min_increment or ZERO,
            min_balance_remaining=one.min_balance_remaining or ZERO,
        )
        for _, one in rows
    )
