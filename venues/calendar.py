"""When a market trades: sessions, half days, trade and settlement dates. Pure arithmetic.

Called by desk, routing, expiry and settlement with days loaded by the caller; it reads neither
clock nor database. All moments are aware; a moment's day is its date in New York.

Rules: a session is open while open <= t < close, so 16:00:00.000 is closed. The extended session
runs 07:30 to 17:00 New York time; on a half day it ends one hour after the early close.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")

Market = Literal["SIFMA", "NYSE"]
Kind = Literal["full", "half"]


class Session(StrEnum):
    """Where a moment lies in its day's session."""

    BEFORE = "before"
    OPEN = "open"
    CLOSED = "closed"
    NO_SESSION = "no_session"  # weekend or holiday


class OutsideCalendar(LookupError):
    """The calendar does not reach that day: whether it trades is unknown, not "no"."""


class NoSession(LookupError):
    """That day has no session to open or close."""


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One market's session on one New York date; the four moments are aware, in UTC."""

    market: Market
    date: date
    kind: Kind
    regular_open: datetime
    regular_close: datetime
    extended_open: datetime
    extended_close: datetime


class Calendar:
    """One market's trading days, from the first given to the last.

    A day between them that is not given has no session; a day outside them raises
    OutsideCalendar. `settling` narrows the days on which money moves: a stock exchange trades on
    bank holidays (Columbus Day, Veterans Day), but nothing settles then.
    """

    def __init__(
        self, days: Mapping[date, TradingDay], *, settling: Collection[date] | None = None
    ) -> None:
        if not days:
            raise ValueError("a calendar has at least one day")
        if len({day.market for day in days.values()}) > 1:
            raise ValueError("a calendar is of one market")
        if any(key != day.date for key, day in days.items()):
            raise ValueError("a trading day is filed under another date")
        self._days = dict(days)
        self._dates = sorted(self._days)
        paying = self._dates if settling is None else set(settling).intersection(self._days)
        self._settling = sorted(paying)

    def is_trading_day(self, d: date) -> bool:
        """Whether the market has a session on that New York date."""
        self._require_known(d)
        return d in self._days

    def day(self, d: date) -> TradingDay:
        """The session of that date; raises NoSession on a weekend or holiday."""
        self._require_known(d)
        if d not in self._days:
            raise NoSession(f"no session on {d}")
        return self._days[d]

    def next_day(self, d: date) -> date:
        """The first trading date after `d`."""
        return self._pick(self._dates, bisect_right(self._dates, d), d)

    def previous_day(self, d: date) -> date:
        """The last trading date before `d`."""
        return self._pick(self._dates, bisect_left(self._dates, d) - 1, d)

    def settlement_date(self, trade_date: date, lag: int = 1) -> date:
        """The settlement date, `lag` settling days after the trade date (T+1 unless told).

        A trade dated on a day without session counts from the next trading day. With a lag of 0
        it is the trade date itself, or the next settling day.
        """
        if lag < 0:
            raise ValueError("a trade does not settle before it is done")
        traded = self._pick(self._dates, bisect_left(self._dates, trade_date), trade_date)
        first = bisect_left(self._settling, traded)
        settles_same_day = first < len(self._settling) and self._settling[first] == traded
        ahead = lag if settles_same_day else max(lag - 1, 0)
        return self._pick(self._settling, first + ahead, trade_date)

    def settles_on(self, d: date) -> bool:
        """Whether money moves on that New York date."""
        self._require_known(d)
        first = bisect_left(self._settling, d)
        return first < len(self._settling) and self._settling[first] == d

    def phase(self, at: datetime, extended: bool) -> Session:
        """Where the moment `at` lies in the regular, or the extended, session of its day."""
        d = new_york_date(at)
        if not self.is_trading_day(d):
            return Session.NO_SESSION
        if at < self.open_for(d, extended):
            return Session.BEFORE
        return Session.OPEN if at < self.close_for(d, extended) else Session.CLOSED

    def open_for(self, d: date, extended: bool) -> datetime:
        """When that date's session opens, in UTC; raises NoSession without one."""
        day = self.day(d)
        return day.extended_open if extended else day.regular_open

    def close_for(self, d: date, extended: bool) -> datetime:
        """When that date's session closes, in UTC; raises NoSession without one."""
        day = self.day(d)
        return day.extended_close if extended else day.regular_close

    def trade_date(self, at: datetime) -> date:
        """TradeDate(75) of an execution at `at`: its New York date, or the next trading day.

        After the close the date stays: a late report belongs to the day it happened on.
        """
        d = new_york_date(at)
        return self._pick(self._dates, bisect_left(self._dates, d), d)

    def _require_known(self, d: date) -> None:
        if not self._dates[0] <= d <= self._dates[-1]:
            raise OutsideCalendar(f"{d} is outside {self._dates[0]} to {self._dates[-1]}")

    def _pick(self, dates: list[date], index: int, asked: date) -> date:
        self._require_known(asked)
        if not 0 <= index < len(dates):
            raise OutsideCalendar(f"the calendar ends before the day asked for from {asked}")
        return dates[index]


def new_york_date(at: datetime) -> date:
    """The date in New York at an aware moment; raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return at.astimezone(NEW_YORK).date()
