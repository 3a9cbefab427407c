"""What an issuer's action pays on what is held: exact on one share or one of par, then in cents.

Asked by `corporate_actions`; it posts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from allocations import accounts, sleeves
from allocations.models import CorporateAction
from oms_site.kit.numbers import round_fraction
from venues import analytics, instruments

Kind = CorporateAction.Kind


def rate(row: CorporateAction) -> Fraction:
    """The action's rate on one share, or on one of par."""
    return Fraction(instruments.by_id(row.instrument_id).money(Decimal(1), row.rate))


def interest(row: CorporateAction) -> Fraction:
    """Interest from the last coupon to the day of a call, on one of par.

    A redemption falls on the last coupon's day and has none; on a coupon's day the coupon pays.
    """
    if row.kind != Kind.CALL:
        return Fraction(0)
    bond = instruments.by_id(row.instrument_id).bond
    return analytics.accrued_per_hundred(bond=bond, settlement_date=row.pay_date) / 100


def accrued(row: CorporateAction) -> Decimal | None:
    """What a call pays beside its price, in percent of par; None for what is no call.

    As it was paid, or as it would be paid now.
    """
    if row.kind != Kind.CALL or row.status == CorporateAction.Status.APPLIED:
        return row.accrued
    return round_fraction(interest(row) * 100, places=10)


def in_cents(
    row: CorporateAction, entitled: Mapping[str, Decimal], per_unit: Fraction
) -> dict[str, Decimal]:
    """What each account is paid on what it holds, at so much a unit.

    Half up to the cent, as its custodian will pay it: sleeves get what their account gets.
    """
    wholes = {key: accounts.whole_of(row.organization_id, key) for key in entitled}
    exact = {key: Fraction(qty) * per_unit for key, qty in entitled.items()}
    return sleeves.in_cents(exact, wholes)
