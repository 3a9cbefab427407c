"""Builds trading days from the published SIFMA and NYSE holiday rules.

Called by seeding and by the yearly refresh, which store the rows; nothing else computes holidays.
Bonds follow SIFMA's recommended closes but trade 09:30 to 16:00 New York time like stocks.
"""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

from venues.calendar import NEW_YORK, Kind, Market, TradingDay

FIRST_YEAR = 2020
LAST_YEAR = 2032

REGULAR_OPEN = time(9, 30)
REGULAR_CLOSE = time(16)
EXTENDED_OPEN = time(7, 30)
EXTENDED_CLOSE = time(17)
HALF_DAY_EXTENSION = timedelta(hours=1)

_SOURCES: dict[Market, str] = {"SIFMA": "SIFMA_US", "NYSE": "NYSE"}


@cache
def trading_days(
    *, market: Market, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR
) -> tuple[TradingDay, ...]:
    """The market's trading days from 1 January of one year to 31 December of the other, in order.

    SIFMA half days close at 14:00 (12:00 on the Good Fridays with an employment report), NYSE
    half days at 13:00, New York time.
    """
    schedule = _schedule(market, first_year, last_year)
    return tuple(
        _trading_day(market, row.Index.date(), row.market_close.to_pydatetime())
        for row in schedule.itertuples()
    )


def _schedule(market: Market, first_year: int, last_year: int) -> Any:
    # Imported here: it pulls in pandas, a second that only seeding should pay.
    import pandas_market_calendars  # noqa: PLC0415

    source = pandas_market_calendars.get_calendar(_SOURCES[market])
    with warnings.catch_warnings():  # the library calls pandas by names pandas is retiring
        warnings.simplefilter("ignore", DeprecationWarning)
        return source.schedule(f"{first_year}-01-01", f"{last_year}-12-31")


def _trading_day(market: Market, d: date, published_close: datetime) -> TradingDay:
    full_close = _moment(d, REGULAR_CLOSE)
    # SIFMA publishes 17:30 for a full day; whatever is before 16:00 is an early close.
    half = published_close < full_close
    kind: Kind = "half" if half else "full"
    close = published_close.astimezone(UTC) if half else full_close
    return TradingDay(
        market=market,
        date=d,
        kind=kind,
        regular_open=_moment(d, REGULAR_OPEN),
        regular_close=close,
        extended_open=_moment(d, EXTENDED_OPEN),
        extended_close=close + HALF_DAY_EXTENSION if half else _moment(d, EXTENDED_CLOSE),
    )


def _moment(d: date, at: time) -> datetime:
    return datetime.combine(d, at, tzinfo=NEW_YORK).astimezone(UTC)
