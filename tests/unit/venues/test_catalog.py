"""The instruments the house starts with: legal identifiers, sane terms, sane prices."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from itertools import pairwise

import pytest
from stdnum import cusip, isin

from venues import analytics, catalog, curve
from venues.catalog import Listing, SecurityType
from venues.simulator.market import Market

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)

D = Decimal

BY_CUSIP = {listing.cusip: listing for listing in catalog.listings()}

# Every instrument with a scripted behaviour in the sandbox.
SCRIPTED = {
    SecurityType.BOND: "912810TD0 912810SX7 912810SU3 912810SS8 912810RY6 912810RX8 912810UK2",
    SecurityType.AGENCY: "880591DM1 3130A6RM1 3130A2UW4",
    SecurityType.CORPORATE: "38143C3G4 38143CFG1 931142DB6 17327T2R6 U57346AH8 209111FQ1",
    SecurityType.MUNICIPAL: "91502PAP1 14054DAM9",
}
scripted = [(kind, code) for kind, codes in SCRIPTED.items() for code in codes.split()]


@pytest.fixture(params=catalog.listings(), ids=lambda listing: listing.cusip)
def listing(request: pytest.FixtureRequest) -> Listing:
    found: Listing = request.param
    return found


def test_the_catalog_holds_each_instrument_once() -> None:
    assert len(BY_CUSIP) == len(catalog.listings())
    assert len({listing.isin for listing in catalog.listings()}) == len(BY_CUSIP)


def test_the_catalog_covers_the_desk() -> None:
    kinds = Counter(listing.security_type for listing in catalog.listings())
    assert kinds[SecurityType.NOTE] + kinds[SecurityType.BOND] == 119
    assert kinds[SecurityType.CORPORATE] >= 25
    assert kinds[SecurityType.MUNICIPAL] >= 12
    assert kinds[SecurityType.AGENCY] >= 6
    assert kinds[SecurityType.EQUITY] >= 8


def test_identifiers_carry_their_check_digits(listing: Listing) -> None:
    assert cusip.is_valid(listing.cusip)
    assert isin.is_valid(listing.isin)
    assert listing.isin[:11] == f"US{listing.cusip}"


def test_prices_and_lots_are_positive_and_fit_each_other(listing: Listing) -> None:
    assert listing.reference_price > 0
    assert listing.min_increment > 0
    assert listing.min_denomination % listing.min_increment == 0


def test_terms_are_those_of_the_instruments_kind(listing: Listing) -> None:
    if listing.security_type is SecurityType.EQUITY:
        assert listing.bond is None
        return
    assert listing.bond is not None
    treasury = listing.security_type in (SecurityType.NOTE, SecurityType.BOND)
    expected = analytics.ACTUAL_ICMA if treasury else analytics.THIRTY_360
    assert listing.bond.day_count == expected
    assert listing.bond.frequency == 2
    assert listing.bond.maturity_date.day <= 28  # no uneven 30/360 period through February
    assert f"{listing.maturity_date:%m/%d/%y}" in listing.description


def test_reference_prices_have_a_sane_yield(listing: Listing) -> None:
    rate = analytics.yield_to_maturity(
        bond=listing.bond,
        clean_price=listing.reference_price,
        settlement_date=curve.VALUATION_DATE,
    )
    if listing.bond is None:
        assert rate is None
    else:
        assert rate is not None
        assert D(1) < rate < D(8)


@pytest.mark.parametrize(("kind", "code"), scripted)
def test_scripted_instruments_stand_in_the_middle_of_their_book(
    kind: SecurityType, code: str
) -> None:
    assert BY_CUSIP[code].security_type is kind
    assert BY_CUSIP[code].reference_price == D("100.5")


@pytest.mark.parametrize(
    ("code", "par", "limit"), [("037833DP2", 3000, "99.5"), ("00033GAB1", 10000, "84.35")]
)
def test_the_documented_orders_are_legal_and_cross_the_simulated_market(
    code: str, par: int, limit: str
) -> None:
    found = BY_CUSIP[code]
    assert found.security_type is SecurityType.CORPORATE
    assert par >= found.min_denomination
    assert par % found.min_increment == 0
    ask = Market([found]).quote(found.cusip, NOON).ask_px
    assert ask is not None
    assert ask <= D(limit) < found.reference_price * D("1.005")


def test_only_published_treasuries_are_not_illustrative(listing: Listing) -> None:
    published = listing.symbol == "UST" and listing.cusip != "912810UK2"
    assert listing.illustrative is not published


def test_treasuries_are_priced_off_the_curve() -> None:
    note = BY_CUSIP["91282CLF6"]
    rate = analytics.yield_to_maturity(
        bond=note.bond,
        clean_price=note.reference_price,
        settlement_date=curve.VALUATION_DATE,
    )
    assert note.maturity_date is not None
    assert rate is not None
    assert abs(rate - curve.yield_at(note.maturity_date)) < D("0.0002")


def test_the_curve_rises_smoothly_from_short_to_long() -> None:
    days = [curve.VALUATION_DATE.replace(year=2026 + years) for years in range(31)]
    rates = [curve.yield_at(day) for day in days]
    assert rates == sorted(rates)
    assert abs(rates[1] - D("4.2")) < D("0.01")
    assert abs(rates[30] - D("4.7")) < D("0.01")
    steps = [after - before for before, after in pairwise(rates)]
    assert steps == sorted(steps, reverse=True)


def test_a_caller_with_another_decimal_precision_gets_the_same_curve() -> None:
    day = curve.VALUATION_DATE.replace(year=2036)
    by_hand = 4.72 - 0.575 * math.exp(-(day - curve.VALUATION_DATE).days / 3652.5)
    with localcontext() as context:
        context.prec = 4
        rate = curve.yield_at(day)
    assert rate == D(f"{by_hand:.6f}")
