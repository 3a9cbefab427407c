"""The trading calendars as the database has them, in memory until they change."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import cast

from oms_site.firm.generation import Cached
from venues.calendar import Calendar, Kind, Market, TradingDay
from venues.models import TradingDayRow


def _load() -> dict[str, Calendar]:
    days: dict[str, dict[date, TradingDay]] = defaultdict(dict)
    for row in TradingDayRow.objects.all():
        days[row.market][row.date] = TradingDay(
            market=cast(Market, row.market),
            date=row.date,
            kind=cast(Kind, row.kind),
            regular_open=row.regular_open,
            regular_close=row.regular_close,
            extended_open=row.extended_open,
            extended_close=row.extended_close,
        )
    # Stocks trade on some bank holidays, but money moves only when the bond market is open too.
    banking = set(days.get("SIFMA", {}))
    return {
        market: Calendar(of_market, settling=banking or None) for market, of_market in days.items()
    }


_calendars = Cached(_load)


def calendar(market: str) -> Calendar:
    """The calendar of a market. Raises `LookupError` when none is loaded."""
    return _calendars.get()[market]
