"""The public tape of one session: every trade of its books, our peer's and the background's.

Numbered by security from 1 with each process. It begins when a peer first asks for it: what traded
earlier that day is reckoned again from the register and the background's seed. A dealer's trade is
between two and is not printed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from venues import messages
from venues.messages import (
    ExecType,
    ExecutionReport,
    MarketDataRequest,
    Report,
    TapePrint,
    TapeSnapshot,
    TapeUpdate,
)
from venues.simulator.background import Background, Happening
from venues.simulator.delivery import Faults, Mangler
from venues.simulator.market import Market
from venues.simulator.register import ZERO, Register, Trade
from venues.simulator.time import NEW_YORK

MOST = 32
_TRADES = (ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT)


@dataclass(slots=True)
class _Printed:
    """One security's tape: `fresh` has not been told yet."""

    seq: int = 0
    volume: Decimal = ZERO
    standing: deque[TapePrint] = field(default_factory=lambda: deque(maxlen=MOST))
    fresh: list[TapePrint] = field(default_factory=list)


class Tape:
    """What has traded in public at one session since its day began."""

    def __init__(self, market: Market, register: Callable[[], Register], *, seed: str) -> None:
        self._market = market
        self._register = register
        self._background = Background(market.listings(), seed=seed)
        self._printed: dict[str, _Printed] = {}
        self._of: dict[str, TapePrint] = {}  # what stands of our peer's trades, by first ExecID
        self._upto: datetime | None = None
        self._began = self._ends = datetime.min.replace(tzinfo=UTC)  # the day that is told of
        self._mangler = Mangler()
        self.follows = False

    def asked(self, request: MarketDataRequest, at: datetime) -> list[bytes]:
        """Snapshots of the tapes that a peer asks for."""
        if request.kind == "2":
            self.follows = False
            return []
        self.follows = self.follows or request.kind == "1"
        self._advance(at)
        # What is fresh is in the snapshot; who follows hears of all others' by the next update.
        names = request.securities or self._market.securities()
        return [messages.encode(self._snapshot(name, at)) for name in names]

    def leave(self) -> None:
        """The peer is gone: it will ask again."""
        self.follows = False
        self._mangler.begin_anew()

    def note(self, reports: Iterable[Report], at: datetime) -> None:
        """Trades of our peer have been reported, taken back or restated."""
        if self._upto is None:
            return
        if not self._began <= at < self._ends:
            self._open(at)  # which finds these trades in the register
            return
        # Strangers' trades of this moment are printed by the next update: busy peers do not wait.
        for report in reports:
            if isinstance(report, ExecutionReport) and report.exec_type in _TRADES:
                self._trade(report)

    def updates(self, at: datetime) -> list[bytes]:
        """What has been printed since the last call, one message a security, as it goes out now."""
        if not self.follows:
            return []
        self._advance(at)
        made = []
        for name, one in sorted(self._printed.items()):
            if one.fresh:
                told, one.fresh = tuple(one.fresh), []
                made.append(
                    TapeUpdate(
                        security_id=name, at=at, day=self._day(), volume=one.volume, prints=told
                    )
                )
        return self._mangler.mangle(messages.encode(one) for one in made)

    def release(self) -> list[bytes]:
        """Updates that were held back to be overtaken."""
        return self._mangler.release()

    def spoil(self, faults: Faults) -> list[bytes]:
        """Deliver updates with these faults from now on; what the former ones held back."""
        return self._mangler.spoil(faults)

    def number(self, name: str) -> int | None:
        """The number of the last print that was told, None when the peer follows none."""
        one = self._printed.get(name)
        if not self.follows:
            return None
        return 0 if one is None else one.seq - len(one.fresh)

    # What is printed.

    def _day(self) -> date:
        return self._began.astimezone(NEW_YORK).date()

    def _advance(self, at: datetime) -> None:
        """Print what strangers have traded up to now; a new day begins at nothing."""
        if self._upto is None or not self._began <= at < self._ends:
            self._open(at)
        assert self._upto is not None
        if at > self._upto:
            happened = self._background.between(self._upto, at)
            self._upto = at
            for one in happened:
                self._happen(one)

    def _open(self, at: datetime) -> None:
        """Begin a day with what has traded in it already.

        Who follows was told none of that, and finds its numbers missing: it asks for a snapshot.
        """
        midnight = at.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)
        began = midnight.astimezone(UTC)
        tomorrow = midnight.date() + timedelta(days=1)
        ends = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=NEW_YORK)
        self._upto, self._began, self._ends = at, began, ends.astimezone(UTC)
        self._of.clear()
        ours: dict[str, list[Trade]] = {}
        for trade in _standing(self._register()):
            if began <= trade.at <= at:
                ours.setdefault(trade.order.security_id, []).append(trade)
        for cusip in {*self._market.securities(), *ours}:
            self._begin(cusip, ours.get(cusip, ()), began, at)

    def _begin(self, cusip: str, ours: Sequence[Trade], began: datetime, at: datetime) -> None:
        """One security's day so far: all of it counted, the last of it kept."""
        kept = self._printed.setdefault(cusip, _Printed())
        before = began - timedelta(microseconds=1)
        count, size, last = self._background.tally(cusip, before, at, most=MOST)
        kept.volume = Decimal(size) + sum((one.qty for one in ours), ZERO)
        kept.standing.clear()
        kept.fresh.clear()
        merged = sorted(
            [(one.at, n, one) for n, one in enumerate(last)]
            + [(one.at, n, one) for n, one in enumerate(ours)],
            key=lambda row: row[:2],
        )
        kept.seq += count - len(last)
        for _, _, one in merged:
            kept.seq += 1
            if isinstance(one, Trade):
                made = _print(kept.seq, one.px, one.qty, one.at)
                self._of[one.exec_id] = made
            else:
                made = _print(kept.seq, self._px(one), Decimal(one.size), one.at)
            kept.standing.append(made)

    def _px(self, one: Happening) -> Decimal:
        levels = self._market.levels(one.cusip, one.side)
        return levels[0].px if levels else self._market.reference(one.cusip)

    def _happen(self, one: Happening) -> None:
        self._print(one.cusip, self._px(one), Decimal(one.size), one.at)

    def _trade(self, report: ExecutionReport) -> None:
        """One report of a trade; a dealer's is nobody else's business."""
        register = self._register()
        name = report.exec_ref_id or report.exec_id
        trade = register.trades.get(name)
        if trade is None or trade.order.dealer:
            return
        if report.exec_type is ExecType.TRADE:
            assert report.last_px is not None
            assert report.last_qty is not None
            cusip, px, qty = report.security_id, report.last_px, report.last_qty
            self._own(trade.exec_id, cusip, px, qty, report.transact_time)
            return
        former = self._of.pop(trade.exec_id, None)
        if former is None:
            return  # of another day
        self._take_back(report.security_id, former)
        if report.exec_type is ExecType.TRADE_CORRECT and report.last_px and report.last_qty:
            self._own(trade.exec_id, report.security_id, report.last_px, report.last_qty, former.at)

    def _own(self, exec_id: str, cusip: str, px: Decimal, qty: Decimal, at: datetime) -> None:
        if qty > 0:
            self._of[exec_id] = self._print(cusip, px, qty, at)

    def _print(self, cusip: str, px: Decimal, size: Decimal, at: datetime) -> TapePrint:
        kept = self._printed.setdefault(cusip, _Printed())
        kept.seq += 1
        made = _print(kept.seq, px, size, at)
        kept.volume += size
        kept.standing.append(made)
        if self.follows:
            kept.fresh.append(made)
        return made

    def _take_back(self, cusip: str, former: TapePrint) -> None:
        kept = self._printed[cusip]
        kept.seq += 1
        kept.volume -= former.size
        kept.standing = deque((p for p in kept.standing if p is not former), maxlen=MOST)
        if self.follows:
            kept.fresh.append(msgspec.structs.replace(former, seq=kept.seq, action="2"))

    def _snapshot(self, name: str, at: datetime) -> TapeSnapshot:
        kept = self._printed.setdefault(name, _Printed())
        kept.fresh.clear()
        return TapeSnapshot(
            security_id=name,
            rpt_seq=kept.seq,
            at=at,
            day=self._day(),
            volume=kept.volume,
            prints=tuple(kept.standing),
        )


def _print(seq: int, px: Decimal, size: Decimal, at: datetime) -> TapePrint:
    return TapePrint(seq=seq, trade_id=f"T{seq}", px=px, size=size, at=at)


def _standing(register: Register) -> list[Trade]:
    """Every trade that stands, once, as it stands; dealers' are left out."""
    found = {trade.exec_id: trade for trade in register.trades.values()}
    return [one for one in found.values() if not one.busted and not one.order.dealer]
