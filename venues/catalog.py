"""The instruments the house starts with, read from the package's own data files.

Called by the seeding command and by the venue's sandbox; it never touches the database.
Treasuries carry their published terms; everything else is marked illustrative, and so is every
price: Treasuries are priced off `venues.curve` unless `data/fixed_prices.csv` names a price.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TypeVar

from stdnum import isin

from oms_site.kit import numbers
from venues import analytics, curve

_T = TypeVar("_T")

_PRICE_PLACES = 3


class SecurityType(StrEnum):
    """What kind of instrument it is; decides conventions, lot sizes and the market it follows."""

    NOTE = "note"
    BOND = "bond"
    CORPORATE = "corporate"
    MUNICIPAL = "municipal"
    AGENCY = "agency"
    EQUITY = "equity"


@dataclass(frozen=True, slots=True)
class Listing:
    """One instrument as it is listed.

    `reference_price` is clean, in percent of par (per share for an equity). Denomination and
    increment are in par (shares for an equity). `illustrative` says the terms are made up.
    """

    cusip: str
    isin: str
    symbol: str
    security_type: SecurityType
    issuer: str
    sector: str
    country: str
    description: str
    issue_date: date | None
    maturity_date: date | None
    coupon_percent: Decimal | None
    frequency: int | None
    day_count: str | None
    rating: str | None
    min_denomination: Decimal
    min_increment: Decimal
    reference_price: Decimal
    illustrative: bool

    @property
    def bond(self) -> analytics.Bond | None:
        """The terms for `venues.analytics`, or None for what is not a bond."""
        if (
            self.issue_date is None
            or self.maturity_date is None
            or self.coupon_percent is None
            or self.frequency is None
            or self.day_count is None
        ):
            return None
        return analytics.Bond(
            issue_date=self.issue_date,
            maturity_date=self.maturity_date,
            coupon_percent=self.coupon_percent,
            frequency=self.frequency,
            day_count=self.day_count,
        )


@cache
def listings() -> tuple[Listing, ...]:
    """All instruments, Treasuries first, each CUSIP once; read from disk once per process."""
    fixed = {row["cusip"]: Decimal(row["reference_price"]) for row in _rows("fixed_prices.csv")}
    treasuries = [_treasury(row, fixed) for row in _rows("us_treasuries.csv")]
    others = [_illustrative(row) for row in _rows("illustrative.csv")]
    return (*treasuries, *others)


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = resources.files("venues").joinpath("data", name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


def _treasury(row: dict[str, str], fixed: dict[str, Decimal]) -> Listing:
    coupon, maturity = Decimal(row["coupon_percent"]), date.fromisoformat(row["maturity_date"])
    bond = analytics.Bond(
        issue_date=date.fromisoformat(row["issue_date"]),
        maturity_date=maturity,
        coupon_percent=coupon,
        frequency=2,
        day_count=analytics.ACTUAL_ICMA,
    )
    return Listing(
        cusip=row["cusip"],
        isin=_us_isin(row["cusip"]),
        symbol="UST",
        security_type=SecurityType(row["security_type"]),
        issuer="United States Treasury",
        sector="government",
        country="US",
        description=f"UST {numbers.plain(coupon)} {maturity:%m/%d/%y}",
        issue_date=bond.issue_date,
        maturity_date=maturity,
        coupon_percent=coupon,
        frequency=bond.frequency,
        day_count=bond.day_count,
        rating="AA+",
        min_denomination=Decimal(100),
        min_increment=Decimal(100),
        reference_price=fixed.get(row["cusip"]) or _curve_price(bond),
        illustrative=False,
    )


def _curve_price(bond: analytics.Bond) -> Decimal:
    price = analytics.clean_price(
        bond=bond,
        yield_percent=curve.yield_at(bond.maturity_date),
        settlement_date=curve.VALUATION_DATE,
    )
    if price is None:
        raise ValueError(f"no price for {bond} on {curve.VALUATION_DATE}: its row is wrong")
    return numbers.round_places(price, places=_PRICE_PLACES)


def _illustrative(row: dict[str, str]) -> Listing:
    return Listing(
        cusip=row["cusip"],
        isin=row["isin"],
        symbol=row["symbol"],
        security_type=SecurityType(row["security_type"]),
        issuer=row["issuer"],
        sector=row["sector"],
        country=row["country"],
        description=row["description"],
        issue_date=_optional(date.fromisoformat, row["issue_date"]),
        maturity_date=_optional(date.fromisoformat, row["maturity_date"]),
        coupon_percent=_optional(Decimal, row["coupon_percent"]),
        frequency=_optional(int, row["frequency"]),
        day_count=row["day_count"] or None,
        rating=row["rating"] or None,
        min_denomination=Decimal(row["min_denomination"]),
        min_increment=Decimal(row["min_increment"]),
        reference_price=Decimal(row["reference_price"]),
        illustrative=row["illustrative"] == "true",
    )


def _optional(read: Callable[[str], _T], text: str) -> _T | None:
    return read(text) if text else None


def _us_isin(cusip: str) -> str:
    return f"US{cusip}{isin.calc_check_digit(f'US{cusip}')}"
