"""Numbers and times as a desk reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from orders import figures


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("99.1015625", "99-032"),
        ("99.109375", "99-03+"),
        ("99.9999", "100-00"),
        ("99.99609375", "99-317"),
        ("100", "100-00"),
        ("0.5", "0-16"),
    ],
)
def test_a_price_is_rounded_to_the_grid_before_it_is_split(price: str, text: str) -> None:
    assert figures.thirty_seconds(Decimal(price)) == text


def test_a_treasury_limit_is_in_32nds_only_when_nothing_is_rounded_away() -> None:
    assert figures.limit(Decimal("99.515625"), "treasury") == "99-16+"
    assert figures.limit(Decimal("99.41"), "treasury") == "99.410"
    assert figures.limit(Decimal("99.515625"), "corporate") == "99.515625"
    assert figures.limit(Decimal("99.5"), "municipal") == "99.500"
    assert figures.limit(None, "treasury") == "MKT"


def test_an_average_price_is_decimal_and_rounded_half_up() -> None:
    assert figures.rounded(Decimal("101.0000005"), places=6) == "101.000001"
    assert figures.rounded(None, places=6) == ""


def test_quantities_have_separators_and_lose_no_digit() -> None:
    assert figures.qty(Decimal("2500000.000000")) == "2,500,000"
    assert figures.qty(Decimal("1000.25")) == "1,000.25"
    assert figures.qty(Decimal("0")) == "0"
    assert figures.qty(None) == ""


def test_times_are_new_york_with_utc_behind_them() -> None:
    at = datetime(2026, 11, 23, 15, 0, 7, 123456, tzinfo=UTC)
    assert figures.clock_time(at) == "10:00:07"
    assert figures.clock_time(at, millis=True) == "10:00:07.123"
    assert figures.iso(at) == "2026-11-23T15:00:07.123456Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("7.30478589", "7.3048"),
        (Decimal(5), "5"),
        (Decimal("1250000.00"), "1,250,000"),
        (Decimal("-0.5"), "-0.5"),
        ("regular hours", "regular hours"),
        ("NaN", "NaN"),
        (None, ""),
    ],
)
def test_a_number_of_a_finding_is_short_and_what_is_no_number_stays(
    value: object, shown: str
) -> None:
    assert figures.figure(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("24000000", "24,000,000"),
        (24_000_000, "24,000,000"),
        ("0.1234567", "0.1234567"),
        ("-1500.50", "-1,500.5"),
        ("regular hours", "regular hours"),
        ("Infinity", "Infinity"),
        (None, ""),
    ],
)
def test_a_stated_number_is_grouped_and_loses_no_digit(value: object, shown: str) -> None:
    assert figures.grouped(value) == shown


def test_late_in_the_evening_the_day_is_new_yorks_not_utcs() -> None:
    at = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
    assert (figures.day(at), figures.clock_time(at)) == ("2026-11-23", "19:30:00")
    assert figures.day(None) == ""
