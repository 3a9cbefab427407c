"""Which three letters are money."""

from __future__ import annotations

import pytest

from oms_site.kit import currencies


@pytest.mark.parametrize("code", ["USD", "EUR", "GBP", "JPY", "CHF", "XOF", "ZWG"])
def test_a_currency_of_a_country_or_a_union_is_known(code: str) -> None:
    assert currencies.is_known(code)


@pytest.mark.parametrize("code", ["XXX", "XTS", "XAU", "CHW", "DEM", "usd", "US", "", "E1R"])
def test_what_nobody_can_be_paid_in_is_not(code: str) -> None:
    assert not currencies.is_known(code)


def test_every_code_has_three_capital_letters() -> None:
    assert {(len(one), one.isascii(), one.isupper()) for one in currencies.KNOWN} == {
        (3, True, True)
    }
