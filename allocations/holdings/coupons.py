"""When a bond pays interest and how much per 100 of par: its own schedule, pure arithmetic.

Dates run backward from maturity in whole periods; one on the last day of its month stays on the
last day. Interest under 30/360 runs from the issue date, so a first period that is not whole pays
its part; otherwise every payment is a whole coupon (see `venues.analytics`).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from oms_site.kit.numbers import round_fraction
from venues.analytics import THIRTY_360, Bond

PLACES = 10


@dataclass(frozen=True, slots=True)
class Coupon:
    """One payment: its day and its rate in percent of par."""

    day: date
    rate: Decimal


def between(bond: Bond, first: date, last: date) -> list[Coupon]:
    """Payments due from `first` to `last`, both included, the earliest first."""
    if not bond.coupon_percent:
        return []
    days = [day for day in _days(bond) if first <= day <= last]
    return [Coupon(day, _rate(bond, day)) for day in sorted(days)]


def _days(bond: Bond) -> Iterator[date]:
    step = 12 // bond.frequency
    n = 0
    while (day := _months_before(bond.maturity_date, n * step)) > bond.issue_date:
        yield day
        n += 1


def _months_before(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    at_end = day.day == calendar.monthrange(day.year, day.month)[1]
    return date(year, month + 1, last if at_end else min(day.day, last))


def _rate(bond: Bond, day: date) -> Decimal:
    whole = Fraction(bond.coupon_percent) / bond.frequency
    months = _months_between(day, bond.maturity_date)
    began = _months_before(bond.maturity_date, months + 12 // bond.frequency)
    if bond.day_count == THIRTY_360 and began < bond.issue_date:
        part = Fraction(_thirty_360(bond.issue_date, day), 360 // bond.frequency)
        whole *= min(part, Fraction(1))
    return round_fraction(whole, places=PLACES)


def _months_between(day: date, later: date) -> int:
    return (later.year - day.year) * 12 + later.month - day.month


def _thirty_360(first: date, last: date) -> int:
    """Days between two dates by the US rule: months of 30 days (MSRB rule G-33)."""
    start = min(first.day, 30)
    end = 30 if last.day == 31 and start == 30 else last.day
    return (last.year - first.year) * 360 + (last.month - first.month) * 30 + end - start
