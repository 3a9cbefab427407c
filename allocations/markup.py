"""What a client paid beyond the prevailing market price: mark-up on a buy, mark-down on a sale.

FINRA 2232(c) has it on the confirm as money and as a percentage of the prevailing market price
(2121.02). Pure. Everything that stands between that price and what the client pays clean counts:
the price itself and the fees, of which accrued interest is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from oms_site.kit.numbers import round_fraction

PERCENT_PLACES = 4


@dataclass(frozen=True, slots=True)
class Markup:
    """Money in cents, and its percentage of the prevailing market price; below zero is better."""

    amount: Decimal
    percent: Decimal


def of(
    *, qty: Decimal, consideration: Decimal, pmp: Decimal, factor: Decimal = Decimal("0.01")
) -> Markup:
    """The mark-up of a trade: `qty` and `consideration` are signed for the account, a buy positive.

    `factor` is 0.01 for percent of par, 1 for a price per share. The percentage is of the exact
    money at the prevailing price, half up to four places.
    """
    at_market = Fraction(qty) * Fraction(pmp) * Fraction(factor)
    beyond = Fraction(consideration) - at_market
    amount = round_fraction(beyond, places=2)
    return Markup(amount, round_fraction(beyond / abs(at_market) * 100, places=PERCENT_PLACES))


def average(prices: list[tuple[Decimal, Decimal]]) -> Decimal:
    """The price that prevailed for several fills together: (quantity, price), to eight places."""
    whole = sum((Fraction(qty) for qty, _ in prices), Fraction(0))
    money = sum((Fraction(qty) * Fraction(price) for qty, price in prices), Fraction(0))
    return round_fraction(money / whole, places=8)
