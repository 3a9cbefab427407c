"""When a trade made elsewhere was done and settles, and whether that can be.

Measured against the moment of the report, whenever somebody decides about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from oms_site.kit.errors import Detail
from orders.models import Order
from venues import instruments, sessions
from venues.calendar import OutsideCalendar, new_york_date
from venues.instruments import InstrumentFacts

# What is told by hand is told to the minute, and clocks differ: more than that is another time.
CLOCKS_DIFFER = timedelta(minutes=1)
# As long as a seller's option runs. A later day is a slip of the pen, or a forward, which is not
# what an order of this kind is: its interest would be counted to that day.
SETTLES_WITHIN = timedelta(days=60)


class Told(Protocol):
    """What a report says of its days; None where it says nothing."""

    @property
    def trade_date(self) -> date | None:
        """TradeDate(75)."""

    @property
    def settlement_date(self) -> date | None:
        """SettlDate(64)."""

    @property
    def executed_at(self) -> datetime | None:
        """TransactTime(60)."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days and the moment that a trade is booked with."""

    trade_date: date
    settlement_date: date
    executed_at: datetime


def of(report: Told, facts: InstrumentFacts, *, told_at: datetime) -> Days:
    """What was said; else the day of its time, the market's settlement, the moment of the report.

    Raises `OutsideCalendar` for a trade date that `faults` refuses.
    """
    traded = _traded(report, told_at)
    settles = report.settlement_date or sessions.calendar(facts.market).settlement_date(traded)
    return Days(traded, settles, report.executed_at or told_at)


def faults(report: Told, order: Order, *, told_at: datetime) -> list[Detail]:
    """Everything that speaks against the days of a report, each with what to do."""
    found, traded, at = list[Detail](), _traded(report, told_at), report.executed_at
    field = "trade_date" if report.trade_date or at is None else "executed_at"
    if at is not None and at > told_at + CLOCKS_DIFFER:
        text = f"It is {told_at:%Y-%m-%dT%H:%M:%SZ} now: give the time at which it was traded."
        return [Detail("executed_at", "executed_in_future", text)]
    if traded > new_york_date(told_at):
        found.append(Detail("trade_date", "trade_date_in_future", "The trade date is to come."))
    if traded < order.trade_date:
        found.append(
            Detail(field, "trade_date_before_order", "The order is younger than the trade.")
        )
    if found:
        return found
    facts = instruments.by_id(order.instrument_id)
    if at is not None and traded not in _days_of(at, facts.market):
        text = f"That was on {new_york_date(at)} in New York: give that trade_date or another time."
        found.append(Detail("executed_at", "executed_on_another_day", text))
    found += _settlement(of(report, facts, told_at=told_at), facts)
    return found


def _traded(report: Told, told_at: datetime) -> date:
    return report.trade_date or new_york_date(report.executed_at or told_at)


def _days_of(at: datetime, market: str) -> set[date]:
    """What is done on a day without session is often dated the next one with one."""
    day = new_york_date(at)
    try:
        return {day, sessions.calendar(market).trade_date(at)}
    except OutsideCalendar:
        return {day}


def _settlement(days: Days, facts: InstrumentFacts) -> list[Detail]:
    field, settles = "settlement_date", days.settlement_date
    matures = facts.bond.maturity_date if facts.bond else None
    last = days.trade_date + SETTLES_WITHIN
    if settles < days.trade_date:
        text = f"It settles before it is traded: give {days.trade_date} or a later day."
        return [Detail(field, "settles_before_trade", text)]
    if matures is not None and settles > matures:
        text = f"It matures on {matures}: give a day until then."
        return [Detail(field, "settles_after_maturity", text)]
    if settles > last:
        text = f"Give a day until {last}: a trade settles within {SETTLES_WITHIN.days} days."
        return [Detail(field, "settles_too_late", text)]
    if not _settles_on(settles, facts.market):
        text = "No money moves on that day: give a business day."
        return [Detail(field, "no_settlement_day", text)]
    return []


def _settles_on(day: date, market: str) -> bool:
    try:
        return sessions.calendar(market).settles_on(day)
    except OutsideCalendar:
        return False
