"""Bond money: yield, price, accrued interest, principal. Decimal outside, QuantLib inside.

Called wherever a bond price needs its yield or a fill its money. Every function is pure: the
settlement date is always given, QuantLib's process-wide evaluation date is neither read nor set.

Conventions (US street):
- `actual/actual icma` (Treasuries): interest runs from the coupon date on or before the issue
  date, so every period is regular; day fractions are actual days over the days of the period.
- `30/360` (corporates, agencies, municipals; MSRB rule G-33 day count): interest runs from the
  issue date; a first period that is not whole is short. A coupon cycle on the 29th to 31st that
  passes through February is slightly uneven under this count.
- Yields compound with the coupon frequency; in the last coupon period interest is simple.
- Yields are percent per year. Prices are clean, in percent of par.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

import QuantLib

from oms_site.kit import numbers

ACTUAL_ICMA = "actual/actual icma"
THIRTY_360 = "30/360"

_YIELD_STEP = Decimal("0.000001")
_PRICE_STEP = Decimal("0.00000001")
# A context of our own: the caller's precision must not decide whether a number fits.
_context = Context(prec=60, rounding=ROUND_HALF_UP)
_FREQUENCIES = frozenset({1, 2, 4, 12})
_ACCURACY = 1e-11  # of the yield as a fraction: a thousandth of the last digit we publish
_YIELD_MAX = 1e6  # a hundred million percent: beyond it the price is noise
_ITERATIONS_MAX = 200
_SECANT_STEPS_MAX = 30
_SECANT_STEP_MIN = 1e-14
# QuantLib's objects cache lazily and are not made for two threads at once.
_quantlib = threading.RLock()


@dataclass(frozen=True, slots=True)
class Bond:
    """The terms of a fixed-rate bullet bond; raises ValueError for terms that make no sense."""

    issue_date: date
    maturity_date: date
    coupon_percent: Decimal
    frequency: int
    day_count: str

    def __post_init__(self) -> None:
        if self.maturity_date <= self.issue_date:
            raise ValueError("a bond matures after it is issued")
        if not self.coupon_percent.is_finite() or self.coupon_percent < 0:
            raise ValueError("a coupon is zero or more percent")
        if self.frequency not in _FREQUENCIES:
            raise ValueError("a bond pays 1, 2, 4 or 12 coupons a year")
        if self.day_count not in (ACTUAL_ICMA, THIRTY_360):
            raise ValueError(f"unknown day count {self.day_count!r}")


def yield_to_maturity(
    *, bond: Bond | None, clean_price: Decimal, settlement_date: date
) -> Decimal | None:
    """Yield in percent at 6 places (half-up) of `clean_price`, in percent of par.

    None where a yield has no meaning: no bond, a price that is not a positive number, settlement
    before the issue or from maturity on, or a price that no yield explains.
    """
    if bond is None or not clean_price.is_finite() or clean_price <= 0:
        return None
    return _solve_yield(bond, clean_price, settlement_date)


def clean_price(
    *, bond: Bond | None, yield_percent: Decimal, settlement_date: date
) -> Decimal | None:
    """Clean price in percent of par at 8 places (half-up) for a yield in percent.

    None where a price has no meaning: no bond, a yield that is not a number or of -100 % a period
    or less, settlement before the issue or from maturity on.
    """
    if bond is None or not yield_percent.is_finite():
        return None
    if not _is_outstanding(bond, settlement_date) or yield_percent <= -100 * bond.frequency:
        return None
    return _discount(bond, yield_percent, settlement_date)


def accrued_interest(*, bond: Bond | None, par: Decimal, settlement_date: date) -> Decimal:
    """Accrued interest in money on `par`, in cents.

    Exact per 100 of par, times par, then rounded once, half-up. Zero for what is not a bond, on
    a coupon date, before the issue and from maturity on.
    """
    per_hundred = accrued_per_hundred(bond=bond, settlement_date=settlement_date)
    units, per_unit = par.as_integer_ratio()
    of_par = per_hundred.numerator * units
    return numbers.round_ratio(of_par, per_hundred.denominator * per_unit * 100, places=2)


def accrued_per_hundred(*, bond: Bond | None, settlement_date: date) -> Fraction:
    """The same on 100 of par, exact: nothing is rounded yet."""
    if bond is None or not _is_outstanding(bond, settlement_date):
        return Fraction(0)
    with _quantlib:
        return _remaining(bond, settlement_date).accrued


def principal(*, par: Decimal, price: Decimal) -> Decimal:
    """GrossTradeAmt(381): `par` at a clean price in percent, without accrued; cents, half-up."""
    (units, per_unit), (percent, per_percent) = par.as_integer_ratio(), price.as_integer_ratio()
    return numbers.round_ratio(units * percent, per_unit * per_percent * 100, places=2)


def net_money(
    *, gross: Decimal, accrued: Decimal, side: Literal["buy", "sell"], fees: Decimal = Decimal(0)
) -> Decimal:
    """NetMoney(118): what the buyer pays (fees added) or the seller gets (fees taken off)."""
    charge = fees if side == "buy" else -fees
    (a, per_a), (b, per_b), (c, per_c) = (
        part.as_integer_ratio() for part in (gross, accrued, charge)
    )
    whole = a * per_b * per_c + b * per_a * per_c + c * per_a * per_b
    return numbers.round_ratio(whole, per_a * per_b * per_c, places=2)


@dataclass(frozen=True, slots=True)
class _Built:
    """QuantLib's view of one bond."""

    instrument: Any
    schedule: Any
    day_counter: Any
    frequency: int


@dataclass(frozen=True, slots=True)
class _Remaining:
    """What is left of a bond on a settlement date."""

    settlement: Any
    coupons: int  # still to be paid
    period_left: float  # of the running coupon period, 0 to 1
    accrued: Fraction  # per 100 of par
    compounding: int


def _is_outstanding(bond: Bond, settlement_date: date) -> bool:
    return bond.issue_date <= settlement_date < bond.maturity_date


@lru_cache(maxsize=65_536)
def _solve_yield(bond: Bond, price: Decimal, settlement_date: date) -> Decimal | None:
    if not _is_outstanding(bond, settlement_date):
        return None
    with _quantlib:
        built = _build(bond)
        remaining = _remaining(bond, settlement_date)
        rate = _closed_form_yield(bond, remaining, float(price))
        # QuantLib has the last word: an irregular first period does not fit the closed form.
        if rate is None or not _reprices(built, remaining, rate, float(price)):
            rate = _quantlib_yield(built, remaining, float(price))
    if rate is None or abs(rate) > _YIELD_MAX:
        return None
    return Decimal(rate * 100).quantize(_YIELD_STEP, context=_context)


@lru_cache(maxsize=65_536)
def _discount(bond: Bond, yield_percent: Decimal, settlement_date: date) -> Decimal | None:
    with _quantlib:
        remaining = _remaining(bond, settlement_date)
        price = _quantlib_price(_build(bond), remaining, float(yield_percent) / 100)
    return None if price is None else Decimal(price).quantize(_PRICE_STEP, context=_context)


def _quantlib_price(built: _Built, remaining: _Remaining, rate: float) -> float | None:
    try:
        price = QuantLib.BondFunctions.cleanPrice(
            built.instrument,
            rate,
            built.day_counter,
            remaining.compounding,
            built.frequency,
            remaining.settlement,
        )
    except RuntimeError:  # QuantLib's only error: here, no positive discount factor
        return None
    return float(price) if math.isfinite(price) else None


def _quantlib_yield(built: _Built, remaining: _Remaining, price: float) -> float | None:
    try:
        rate = QuantLib.BondFunctions.bondYield(
            built.instrument,
            QuantLib.BondPrice(price, QuantLib.BondPrice.Clean),
            built.day_counter,
            remaining.compounding,
            built.frequency,
            remaining.settlement,
            _ACCURACY,
            _ITERATIONS_MAX,
        )
    except RuntimeError:  # the solver found no root
        return None
    return float(rate) if math.isfinite(rate) else None


def _reprices(built: _Built, remaining: _Remaining, rate: float, price: float) -> bool:
    again = _quantlib_price(built, remaining, rate)
    return again is not None and math.isclose(again, price, rel_tol=_ACCURACY, abs_tol=_ACCURACY)


def _closed_form_yield(bond: Bond, remaining: _Remaining, price: float) -> float | None:
    """The yield of a bond whose periods are all whole: ten times faster than a general solver.

    A secant on the logarithm of the price, which is nearly straight in the yield.
    """
    dirty = price + float(remaining.accrued)
    coupon = float(bond.coupon_percent) / bond.frequency
    if remaining.period_left <= 0:  # 30/360 sees no day between the 30th and the 31st
        return None
    if remaining.compounding == QuantLib.Simple:
        return ((100 + coupon) / dirty - 1) * bond.frequency / remaining.period_left

    def excess(per_period: float) -> float:
        growth = math.log1p(per_period)
        whole = math.expm1(-remaining.coupons * growth)
        flows = -whole / per_period if per_period else float(remaining.coupons)
        value = coupon * flows + 100 * (whole + 1)
        return math.log(value / dirty) + (1 - remaining.period_left) * growth

    try:
        root = _secant(excess, coupon / 100)
    except (ValueError, OverflowError, ZeroDivisionError):  # left the domain of the logarithm
        return None
    return None if root is None else root * bond.frequency


def _secant(excess: Callable[[float], float], guess: float) -> float | None:
    before, here = guess + 0.001, guess
    excess_before, excess_here = excess(before), excess(here)
    for _ in range(_SECANT_STEPS_MAX):
        if excess_here == excess_before:
            return here
        step = excess_here * (here - before) / (excess_here - excess_before)
        before, excess_before = here, excess_here
        here -= step
        if abs(step) < _SECANT_STEP_MIN:
            return here
        excess_here = excess(here)
    return None


@lru_cache(maxsize=16_384)
def _remaining(bond: Bond, settlement_date: date) -> _Remaining:
    built = _build(bond)
    settlement = _date(settlement_date)
    # QuantLib counts the days; the fractions are ours, so that a half cent is exactly a half cent.
    accrued_days = QuantLib.BondFunctions.accruedDays(built.instrument, settlement)
    coupons = sum(day > settlement for day in built.schedule)
    if bond.day_count == THIRTY_360:
        period_days = 360 // bond.frequency
    else:
        period_days = QuantLib.BondFunctions.accrualDays(built.instrument, settlement)
    period_left = (period_days - accrued_days) / period_days
    accrued = Fraction(bond.coupon_percent) / bond.frequency * accrued_days / period_days
    compounding = QuantLib.Simple if coupons == 1 else QuantLib.Compounded
    return _Remaining(settlement, coupons, period_left, accrued, compounding)


@lru_cache(maxsize=16_384)
def _build(bond: Bond) -> _Built:
    """The schedule runs backward from maturity on unadjusted dates, as US bonds accrue."""
    maturity = _date(bond.maturity_date)
    treasury = bond.day_count == ACTUAL_ICMA
    schedule = QuantLib.Schedule(
        _dated_date(bond) if treasury else _date(bond.issue_date),
        maturity,
        QuantLib.Period(12 // bond.frequency, QuantLib.Months),
        QuantLib.NullCalendar(),
        QuantLib.Unadjusted,
        QuantLib.Unadjusted,
        QuantLib.DateGeneration.Backward,
        treasury and QuantLib.Date.isEndOfMonth(maturity),
    )
    day_counter = (
        QuantLib.ActualActual(QuantLib.ActualActual.ISMA)
        if treasury
        else QuantLib.Thirty360(QuantLib.Thirty360.BondBasis)
    )
    coupon = float(bond.coupon_percent) / 100
    instrument = QuantLib.FixedRateBond(0, 100.0, schedule, [coupon], day_counter)
    return _Built(instrument, list(schedule), day_counter, bond.frequency)


def _dated_date(bond: Bond) -> Any:
    """The coupon date on or before the issue date, from which a Treasury earns interest.

    A Treasury dated on a weekend is issued on the Monday, and a 20-year dated on the 15th at the
    end of the month: the buyer pays the interest since the dated date.
    """
    issue, maturity = _date(bond.issue_date), _date(bond.maturity_date)
    end_of_month = QuantLib.Date.isEndOfMonth(maturity)
    months, cycle = 0, maturity
    while cycle > issue:
        months += 12 // bond.frequency
        cycle = maturity - QuantLib.Period(months, QuantLib.Months)
        cycle = QuantLib.Date.endOfMonth(cycle) if end_of_month else cycle
    return cycle


def _date(day: date) -> Any:
    return QuantLib.Date(day.day, day.month, day.year)
