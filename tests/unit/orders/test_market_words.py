"""The market's state in words, through a day, a half day and a weekend."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from orders import market
from venues import sessions
from venues.calendar import NEW_YORK, Calendar, TradingDay


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


def _day(day: date, *, half: bool = False) -> TradingDay:
    close = 14 if half else 16
    return TradingDay(
        market="SIFMA",
        date=day,
        kind="half" if half else "full",
        regular_open=_at(day, 8),
        regular_close=_at(day, close),
        extended_open=_at(day, 7, 30),
        extended_close=_at(day, close + 1),
    )


FRIDAY, MONDAY, TUESDAY = date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)


@pytest.mark.parametrize(
    ("moment", "word", "text"),
    [
        (_at(FRIDAY, 10), "OPEN", "regular hours end 14:00 ET, half day"),
        (_at(FRIDAY, 14), "EXTENDED", "extended hours end 15:00 ET"),
        (_at(FRIDAY, 15), "CLOSED", "opens Mon 30 Nov 07:30 ET"),
        (_at(date(2026, 11, 28), 12), "CLOSED", "holiday or weekend, opens Mon 30 Nov 07:30 ET"),
        (_at(MONDAY, 7), "CLOSED", "extended hours start 07:30 ET"),
        (_at(MONDAY, 7, 45), "EXTENDED", "regular hours start 08:00 ET"),
        (_at(MONDAY, 15, 59), "OPEN", "regular hours end 16:00 ET"),
        (_at(date(2027, 1, 5), 12), "UNKNOWN", "no trading calendar for today"),
    ],
)
def test_the_market_says_what_it_is_and_what_comes_next(
    moment: datetime, word: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = {day.date: day for day in (_day(FRIDAY, half=True), _day(MONDAY), _day(TUESDAY))}
    monkeypatch.setattr(sessions, "calendar", lambda name: Calendar(days))
    assert market.state(moment) == market.MarketState(word, text)
