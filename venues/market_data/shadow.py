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

from oms_site.kit import clock
from venues.messages import BookMessage, BookSnapshot, BookUpdate, MdEntry, MdTrade, Quote
from venues.orderbook import ZERO, BookOrder, BookState, LastTrade, VenueBook

ASK_AGAIN_SECONDS = 2.0
_MOST_WAITING = 1_000
NEVER_SEEN = "no snapshot yet"


@dataclass(slots=True)
class _Kept:
    """One book. `waiting` are updates from beyond a gap; `asked_at` is when we asked anew."""

    rpt_seq: int = -1
    heard_at: datetime | None = None
    entries: dict[str, tuple[int, MdEntry]] = field(default_factory=dict)
    trade: MdTrade | None = None
    reason: str = NEVER_SEEN
    waiting: dict[int, BookUpdate] = field(default_factory=dict)
    asked_at: float | None = None


class Shadow:
    """All books of one venue."""

    def __init__(self, venue_id: str) -> None:
        self.venue_id = venue_id
        self._kept: dict[str, _Kept] = {}
        self._arrivals = count()
        self.gaps = 0

    def take(self, messages: Iterable[BookMessage | Quote]) -> set[str]:
        """Work messages in; the securities whose books changed, or were heard of again."""
        touched: set[str] = set()
        for message in messages:
            kept = self._kept.setdefault(message.security_id, _Kept())
            match message:
                case BookSnapshot():
                    self._replace(kept, message)
                case BookUpdate():
                    self._update(kept, message)
                case Quote() if message.rpt_seq is not None:
                    self._confirm(kept, message.rpt_seq, message.at)
                case _:
                    continue
            touched.add(message.security_id)
        return touched

    def wanted(self) -> list[str]:
        """Securities to ask a snapshot of now; the same one again only after a while."""
        now = clock.monotonic()
        due = [
            name
            for name, kept in self._kept.items()
            if kept.reason and (kept.asked_at is None or now - kept.asked_at >= ASK_AGAIN_SECONDS)
        ]
        for name in due:
            self._kept[name].asked_at = now
        return sorted(due)

    def lose(self, reason: str) -> set[str]:
        """The line is gone: every book is what it was, and stale. Its numbers count no more."""
        for kept in self._kept.values():
            kept.reason, kept.rpt_seq = reason, -1
            kept.waiting.clear()
        self.all_asked()
        return set(self._kept)

    def all_asked(self) -> None:
        """Every book has been asked for just now."""
        now = clock.monotonic()
        for kept in self._kept.values():
            kept.asked_at = now

    def book(self, security_id: str) -> VenueBook | None:
        """A book as readers get it; None before the first snapshot."""
        kept = self._kept.get(security_id)
        if kept is None or kept.heard_at is None:
            return None
        trade = kept.trade
        return VenueBook(
            venue_id=self.venue_id,
            security_id=security_id,
            rpt_seq=kept.rpt_seq,
            heard_at=kept.heard_at,
            bids=_side(kept, "0"),
            asks=_side(kept, "1"),
            trade=LastTrade(trade.px, trade.size, trade.at) if trade is not None else None,
            state=BookState.STALE if kept.reason else BookState.LIVE,
            reason=kept.reason,
        )

    def _replace(self, kept: _Kept, snapshot: BookSnapshot) -> None:
        kept.rpt_seq, kept.heard_at = snapshot.rpt_seq, snapshot.at
        kept.entries = {one.entry_id: (next(self._arrivals), one) for one in snapshot.entries}
        kept.trade = snapshot.trade or kept.trade
        kept.reason, kept.asked_at = "", None
        self._catch_up(kept)

    def _update(self, kept: _Kept, update: BookUpdate) -> None:
        if update.rpt_seq <= kept.rpt_seq:
            return  # told before
        if len(kept.waiting) < _MOST_WAITING:
            kept.waiting[update.rpt_seq] = update
        if kept.reason in ("", _gap(kept)):
            self._catch_up(kept)

    def _catch_up(self, kept: _Kept) -> None:
        """Apply what waits and follows; what is left shows a gap."""
        kept.waiting = {n: one for n, one in kept.waiting.items() if n > kept.rpt_seq}
        while (update := kept.waiting.pop(kept.rpt_seq + 1, None)) is not None:
            self._apply(kept, update)
        if kept.waiting:
            self._open_gap(kept)
        else:
            kept.reason, kept.asked_at = "", None

    def _apply(self, kept: _Kept, update: BookUpdate) -> None:
        for entry in update.entries:
            if entry.action == "2":
                kept.entries.pop(entry.entry_id, None)
                continue
            known = kept.entries.get(entry.entry_id)
            # A smaller size at the same price keeps the place in the queue; all else goes behind.
            stays = known is not None and known[1].px == entry.px and entry.size <= known[1].size
            place = known[0] if known is not None and stays else next(self._arrivals)
            kept.entries[entry.entry_id] = (place, entry)
        kept.rpt_seq, kept.heard_at = update.rpt_seq, update.at
        kept.trade = update.trade or kept.trade

    def _confirm(self, kept: _Kept, rpt_seq: int, at: datetime) -> None:
        """The venue says which number its book has: an update that got lost last shows here."""
        if kept.heard_at is None or kept.reason:
            return
        if rpt_seq == kept.rpt_seq:
            kept.heard_at = at
        elif rpt_seq > kept.rpt_seq:
            self._open_gap(kept)

    def _open_gap(self, kept: _Kept) -> None:
        if kept.reason != _gap(kept):
            self.gaps += 1
            kept.reason, kept.asked_at = _gap(kept), None


def _gap(kept: _Kept) -> str:
    return f"update {kept.rpt_seq + 1} is missing"


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
