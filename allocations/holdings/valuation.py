"""What holdings are worth: the market's price with its age, profit made and not yet made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from oms_site.kit.numbers import round_cents, round_fraction
from venues import analytics, instruments, market_data, sessions
from venues.calendar import new_york_date
from venues.market_data import Price

STALE_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Value:
    """A position's worth at the market. None where there is no price: unknown is never zero."""

    price: Decimal | None
    price_at: datetime | None
    price_source: str
    age_seconds: int | None
    is_stale: bool
    market_value: Decimal | None
    accrued_interest: Decimal | None
    unrealized: Decimal | None


def value(instrument_id: int, *, qty: Decimal, cost: Decimal, at: datetime) -> Value:
    """Value a signed quantity that had cost `cost`, clean; accrued interest stands beside it."""
    return at_price(market_data.reference(instrument_id), instrument_id, qty=qty, cost=cost, at=at)


def at_price(
    known: Price | None, instrument_id: int, *, qty: Decimal, cost: Decimal, at: datetime
) -> Value:
    """The same at this price, which was known at that moment."""
    if known is None:
        return Value(None, None, "", None, True, None, None, None)
    facts = instruments.by_id(instrument_id)
    worth = round_cents(facts.money(qty, known.mid))
    age = max(at - known.at, timedelta(0))
    return Value(
        price=known.mid,
        price_at=known.at,
        price_source=known.source,
        age_seconds=int(age.total_seconds()),
        is_stale=age > STALE_AFTER,
        market_value=worth,
        accrued_interest=accrued(instrument_id, qty=qty, at=at),
        unrealized=worth - cost,
    )


def accrued(instrument_id: int, *, qty: Decimal, at: datetime) -> Decimal:
    """Interest earned and not yet paid on a position sold now: up to its settlement date."""
    facts = instruments.by_id(instrument_id)
    settles = sessions.calendar(facts.market).settlement_date(new_york_date(at))
    whole = analytics.accrued_interest(bond=facts.bond, par=abs(qty), settlement_date=settles)
    return whole if qty >= 0 else -whole


def average_price(instrument_id: int, *, qty: Decimal, cost: Decimal) -> Decimal | None:
    """Cost per unit with fees, as prices are told: percent of par, or per share; None when flat."""
    if not qty:
        return None
    facts = instruments.by_id(instrument_id)
    per_unit = facts.money(Decimal(1), Decimal(1))
    return round_fraction(Fraction(cost) / Fraction(qty * per_unit), places=8)
