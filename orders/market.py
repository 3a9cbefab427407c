"""Whether the market is open, in words that a trader reads at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from venues import sessions
from venues.calendar import NEW_YORK, Calendar, OutsideCalendar, Session, new_york_date


@dataclass(frozen=True)
class MarketState:
    """`word` is OPEN, EXTENDED, CLOSED or UNKNOWN; `text` names the next event of the session."""

    word: str
    text: str


def state(at: datetime, market: str = "SIFMA") -> MarketState:
    """The state of a market at a moment; UNKNOWN where the calendar does not reach."""
    try:
        return _state(sessions.calendar(market), at)
    except (LookupError, OutsideCalendar):
        return MarketState("UNKNOWN", "no trading calendar for today")


def is_over(at: datetime, market: str = "SIFMA") -> bool:
    """Whether a market's hours of the day, the extended ones too, are behind us."""
    try:
        return sessions.calendar(market).phase(at, extended=True) == Session.CLOSED
    except (LookupError, OutsideCalendar):
        return False


def _state(calendar: Calendar, at: datetime) -> MarketState:
    today = new_york_date(at)
    regular, extended = calendar.phase(at, extended=False), calendar.phase(at, extended=True)
    if regular == Session.OPEN:
        ends = calendar.close_for(today, extended=False)
        return MarketState("OPEN", f"regular hours end {_at(ends)}{_half(calendar, today)}")
    if extended == Session.OPEN and regular == Session.BEFORE:
        starts = calendar.open_for(today, extended=False)
        return MarketState("EXTENDED", f"regular hours start {_at(starts)}")
    if extended == Session.OPEN:
        return MarketState(
            "EXTENDED", f"extended hours end {_at(calendar.close_for(today, extended=True))}"
        )
    if extended == Session.BEFORE:
        return MarketState(
            "CLOSED", f"extended hours start {_at(calendar.open_for(today, extended=True))}"
        )
    day = calendar.next_day(today)
    opens = calendar.open_for(day, extended=True)
    why = "holiday or weekend, " if extended == Session.NO_SESSION else ""
    return MarketState("CLOSED", f"{why}opens {day:%a %d %b} {_at(opens)}")


def _half(calendar: Calendar, today: date) -> str:
    return ", half day" if calendar.day(today).kind == "half" else ""


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%H:%M} ET"
