"""What callers ask the ledger to write: one posting per account and fact, signs worked out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One movement to be: see `models.Movement` for the meaning and the sign of each number."""

    organization_id: str
    account_id: str
    currency: str
    kind: str
    source_id: str
    trade_date: date
    settlement_date: date
    instrument_id: int | None = None
    qty: Decimal = Decimal(0)
    price: Decimal | None = None
    principal: Decimal = ZERO
    accrued_interest: Decimal = ZERO
    fees: Decimal = ZERO
    consideration: Decimal = ZERO
    cash: Decimal = ZERO
    reverses: str = ""
    order_id: str = ""
    # A split gives so many new for so many old; a currency leg names its rate.
    ratio_new: int = 0
    ratio_old: int = 0
    fx_rate: Decimal | None = None
    fx_source: str = ""
    fx_at: datetime | None = None
    # Booked by somebody else: nobody will tell us that it settled.
    elsewhere: bool = False
    # The prevailing market price of the moment, where it was known.
    pmp: Decimal | None = None
    pmp_source: str = ""
    pmp_at: datetime | None = None


def of_trade(
    *,
    side: str,
    qty: Decimal,
    principal: Decimal,
    accrued_interest: Decimal,
    fees: Decimal,
    into: bool = True,
    **named: object,
) -> Posting:
    """The posting of a fill, a bust (all numbers negative) or a share of either.

    `into=False` is the mirror image: the same shares and money leave the account.
    """
    sign = (1 if side == "buy" else -1) * (1 if into else -1)
    charged = fees if into else -fees
    consideration = sign * principal + charged
    return Posting(
        qty=sign * qty,
        principal=sign * principal,
        accrued_interest=sign * accrued_interest,
        fees=charged,
        consideration=consideration,
        cash=-(consideration + sign * accrued_interest),
        **named,  # type: ignore[arg-type]  # the names of Posting's own fields
    )
