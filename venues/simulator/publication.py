"""What one peer is told of the books: a snapshot each, then what changes, numbered by security.

Nothing of it is journaled: a peer that missed something, or a venue that began anew, starts from
snapshots. Its own faults spoil updates only, never a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from venues import messages
from venues.messages import (
    BookSnapshot,
    BookUpdate,
    ExecType,
    ExecutionReport,
    MarketDataRequest,
    MdEntry,
    MdTrade,
    Report,
)
from venues.simulator.delivery import Faults, Mangler

Read = Callable[[str], tuple[MdEntry, ...]]


@dataclass(slots=True)
class _Told:
    """A book as the peer should have it by now."""

    rpt_seq: int = 0
    entries: dict[str, MdEntry] = field(default_factory=dict)
    trade: MdTrade | None = None


class Publication:
    """The books one session publishes; `read` gives a book as it is now."""

    def __init__(self, securities: Callable[[], Iterable[str]], read: Read) -> None:
        self._securities = securities
        self._read = read
        self._told: dict[str, _Told] = {}
        self._trades: dict[str, MdTrade] = {}
        self._dirty: set[str] = set()
        self._mangler = Mangler()
        self.follows = False

    def asked(self, request: MarketDataRequest, at: datetime) -> list[bytes]:
        """Snapshots of the books that a peer asks for."""
        if request.kind == "2":
            self.follows = False
            return []
        self.follows = self.follows or request.kind == "1"
        wanted = request.securities or sorted(self._securities())
        return [messages.encode(self._snapshot(name, at)) for name in wanted]

    def leave(self) -> None:
        """The peer is gone: it will ask again."""
        self.follows = False
        self._mangler.begin_anew()

    def note(self, reports: Iterable[Report], moved: Iterable[str]) -> None:
        """Orders were moved by these reports, and whole books by the market."""
        self._dirty.update(moved)
        for report in reports:
            if not isinstance(report, ExecutionReport):
                continue
            self._dirty.add(report.security_id)
            if report.exec_type is ExecType.TRADE and report.last_px and report.last_qty:
                self._trades[report.security_id] = MdTrade(
                    px=report.last_px, size=report.last_qty, at=report.transact_time
                )

    def number(self, name: str) -> int | None:
        """The number of the last message about a book, None when the peer follows none."""
        told = self._told.get(name)
        return told.rpt_seq if told is not None and self.follows else None

    def updates(self, at: datetime) -> list[bytes]:
        """What has changed since the last call, one message per book, as it goes out now."""
        dirty, self._dirty = self._dirty, set()
        if not self.follows:
            return []
        made = [update for name in sorted(dirty) if (update := self._update(name, at)) is not None]
        return self._mangler.mangle(messages.encode(one) for one in made)

    def release(self) -> list[bytes]:
        """Updates that were held back to be overtaken."""
        return self._mangler.release()

    def spoil(self, faults: Faults) -> list[bytes]:
        """Deliver updates with these faults from now on; what the former ones held back."""
        return self._mangler.spoil(faults)

    def _snapshot(self, name: str, at: datetime) -> BookSnapshot:
        told = self._told.setdefault(name, _Told())
        entries = self._read(name)
        told.entries = {one.entry_id: one for one in entries}
        told.trade = self._trades.get(name)
        return BookSnapshot(
            security_id=name, rpt_seq=told.rpt_seq, at=at, entries=entries, trade=told.trade
        )

    def _update(self, name: str, at: datetime) -> BookUpdate | None:
        told = self._told.get(name)
        if told is None:
            return None
        now = {one.entry_id: one for one in self._read(name)}
        changed = _difference(told.entries, now)
        trade = self._trades.get(name)
        if not changed and trade == told.trade:
            return None
        fresh = trade if trade != told.trade else None
        told.rpt_seq, told.entries, told.trade = told.rpt_seq + 1, now, trade
        return BookUpdate(
            security_id=name, rpt_seq=told.rpt_seq, at=at, entries=tuple(changed), trade=fresh
        )


def _difference(was: dict[str, MdEntry], now: dict[str, MdEntry]) -> list[MdEntry]:
    gone = [_as(one, "2") for name, one in was.items() if name not in now]
    changed = [
        one if name not in was else _as(one, "1")
        for name, one in now.items()
        if was.get(name) != one
    ]
    return gone + changed


def _as(entry: MdEntry, action: str) -> MdEntry:
    return MdEntry(
        entry_id=entry.entry_id,
        entry_type=entry.entry_type,
        px=entry.px,
        size=entry.size,
        action=action,  # type: ignore[arg-type]  # one of the literals above
        min_size=entry.min_size,
        min_increment=entry.min_increment,
        min_balance_remaining=entry.min_balance_remaining,
    )
