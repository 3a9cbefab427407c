"""What whole accounts are worth in their own currency: cash and securities at the rates of now.

A part that is unknown makes the whole unknown: no price or no rate is never zero.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from allocations import accounts
from allocations.holdings import fx, valuation
from allocations.holdings.fx import Rate
from allocations.models import CashBalance, Position
from oms_site.kit.numbers import round_fraction
from venues import instruments

ZERO = Decimal("0.00")


@dataclass(slots=True)
class Worth:
    """One account: money and securities in its currency, and what could not be told.

    `securities` is the worth of each instrument held, with accrued interest; `missing` names
    prices and rates that nobody has given.
    """

    account_id: str
    currency: str
    cash: Decimal = ZERO
    securities: dict[int, Decimal] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def total(self) -> Decimal | None:
        """Everything together; None while a part is unknown."""
        return None if self.missing else self.cash + sum(self.securities.values(), ZERO)


def of(organization_id: str, account_ids: Collection[str], *, at: datetime) -> dict[str, Worth]:
    """What each of these accounts is worth now: one query per table, rates once per currency."""
    known = {
        facts.id: facts
        for facts in accounts.accounts_of(organization_id)
        if facts.id in set(account_ids)
    }
    found = {key: Worth(key, facts.currency) for key, facts in known.items()}
    rates: dict[tuple[str, str], Rate | None] = {}

    def changed(one: Worth, currency: str, amount: Decimal) -> Decimal | None:
        key = (currency, one.currency)
        if key not in rates:
            rates[key] = fx.rate(*key, organization_id=organization_id, at=at)
        rate = rates[key]
        if rate is None:
            one.missing.append(f"rate of {currency} in {one.currency}")
            return None
        if rate.at is not None:
            one.rates[currency] = rate
        return in_currency(amount, rate)

    for purse in CashBalance.objects.filter(account_id__in=found).order_by("account_id", "id"):
        one = found[purse.account_id]
        one.cash += changed(one, purse.currency, purse.amount) or ZERO
    held = Position.objects.filter(account_id__in=found).exclude(qty=0)
    for row in held.order_by("account_id", "instrument_id"):
        one = found[row.account_id]
        facts = instruments.by_id(row.instrument_id)
        told = valuation.value(row.instrument_id, qty=row.qty, cost=row.cost, at=at)
        if told.market_value is None:
            one.missing.append(f"price of {facts.cusip}")
            continue
        whole = told.market_value + (told.accrued_interest or ZERO)
        worth = changed(one, facts.currency, whole)
        if worth is not None:
            one.securities[row.instrument_id] = worth
    return found


def together(account_id: str, parts: Iterable[Worth]) -> Worth:
    """An account with all its sleeves, which are in its currency: what they own, short or long."""
    found: Worth | None = None
    for one in parts:
        if found is None:
            found = Worth(account_id, one.currency)
        found.cash += one.cash
        for instrument_id, worth in one.securities.items():
            found.securities[instrument_id] = found.securities.get(instrument_id, ZERO) + worth
        found.rates |= one.rates
        found.missing += [text for text in one.missing if text not in found.missing]
    assert found is not None, "an account is the first of its parts"
    return found


def in_currency(amount: Decimal, rate: Rate) -> Decimal:
    """One amount at a rate, half up to the cent."""
    return round_fraction(Fraction(amount) * Fraction(rate.rate), places=2)
