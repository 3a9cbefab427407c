"""Numbers and times as people on a desk read them.

Called by the screens only; the API sends plain decimals. One place, so that a price looks the same
in the grid, the panel and the timeline.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from oms_site.kit import numbers
from venues.calendar import NEW_YORK

_EIGHTHS_OF_A_POINT: Final = 256
_EIGHTHS: Final = ("", "1", "2", "3", "+", "5", "6", "7")
TREASURY: Final = "treasury"


def thirty_seconds(price: Decimal) -> str:
    """A price in points, 32nds and eighths of a 32nd: 99-03+ is 99 and 3.5/32.

    Rounded to the nearest 1/256 before it is split, so that 99.9999 is 100-00.
    """
    ticks = int((price * _EIGHTHS_OF_A_POINT).to_integral_value(rounding="ROUND_HALF_UP"))
    points, rest = divmod(ticks, _EIGHTHS_OF_A_POINT)
    whole, eighths = divmod(rest, 8)
    return f"{points}-{whole:02d}{_EIGHTHS[eighths]}"


def limit(price: Decimal | None, asset_class: str) -> str:
    """A limit: Treasuries in 32nds, everything else in decimals with at least three places.

    A Treasury limit that lies off the grid of 1/256 stays decimal: a limit is never shown rounded.
    """
    if price is None:
        return "MKT"
    on_grid = (price * _EIGHTHS_OF_A_POINT) % 1 == 0
    if asset_class == TREASURY and on_grid:
        return thirty_seconds(price)
    return decimal(price, places=3)


def decimal(value: Decimal | None, *, places: int) -> str:
    """At least `places` decimals and every further digit that is there; empty for None."""
    if value is None:
        return ""
    text = numbers.plain(value)
    whole, _, part = text.partition(".")
    return f"{whole}.{part.ljust(places, '0')}"


def rounded(value: Decimal | None, *, places: int) -> str:
    """Exactly `places` decimals, half up; empty for None."""
    return "" if value is None else f"{numbers.round_places(value, places=places):.{places}f}"


def qty(value: Decimal | None) -> str:
    """A quantity with thousands separators; empty for None."""
    if value is None:
        return ""
    whole, _, part = numbers.plain(value).partition(".")
    return f"{Decimal(whole):,}" + (f".{part}" if part else "")


def figure(value: object) -> str:
    """A number for reading: grouped, four decimals at most; what is no number stays as it is."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return "" if value is None else str(value)
    return qty(numbers.round_places(number, places=4)) if number.is_finite() else str(value)


def grouped(value: object) -> str:
    """A number with thousands separators and every digit; what is no number stays as it is."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return "" if value is None else str(value)
    return qty(number) if number.is_finite() else str(value)


def money(value: Decimal | None) -> str:
    """Money with thousands separators and cents; empty for None."""
    return "" if value is None else f"{value:,.2f}"


def clock_time(at: datetime | None, *, millis: bool = False) -> str:
    """The time of day in New York, to the second or millisecond; empty for None."""
    if at is None:
        return ""
    local = at.astimezone(NEW_YORK)
    return local.strftime("%H:%M:%S") + (f".{local.microsecond // 1000:03d}" if millis else "")


def day(at: datetime | None) -> str:
    """The day in New York, as 2026-11-23: late in the evening it is not the day in UTC."""
    return "" if at is None else at.astimezone(NEW_YORK).date().isoformat()


def iso(at: datetime | None) -> str:
    """UTC in ISO 8601 with microseconds, for tooltips and copies; empty for None."""
    return "" if at is None else at.isoformat().replace("+00:00", "Z")
