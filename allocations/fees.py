"""What a fill costs the client: the guide's CustomFee objects turned into cents. Pure.

Called at intake to refuse what cannot be charged, and with each fill to charge it. It never
decides who the client is: fees on an order replace the risk group's as a whole, they never merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

from oms_site.kit import numbers
from oms_site.kit.errors import Detail, OmsError
from venues import analytics
from venues.analytics import Bond

ZERO = Decimal("0.00")
_NAMES = ("fee_schedule_id", "fee_schedule_asset_level_id", "recipient_id")
Choice = TypeVar("Choice", bound=StrEnum)
_NEEDS_YIELD = (
    "fee_needs_yield",
    "A fee in basis points of yield needs a bond with a yield at this price.",
)
_KNOWN = frozenset({*_NAMES, "fee_type", "fee_amount_type", "fee_amount", "max_fee_amount"})


class FeeType(StrEnum):
    """A commission is charged beside the price; a markup is money within the client's price."""

    COMMISSION = "commission"
    MARKUP = "markup"


class FeeAmountType(StrEnum):
    """What `fee_amount` is a measure of: percent of par, percent of market value, or yield."""

    PERCENTAGE_OF_PAR = "percentage_of_par"
    PERCENTAGE_OF_MARKET_VALUE = "percentage_of_market_value"
    YIELD_BPS = "yield_bps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A CustomFee that can be charged; amounts are percent, the cap is money."""

    fee_schedule_id: str
    fee_schedule_asset_level_id: str
    recipient_id: str
    fee_type: FeeType
    fee_amount_type: FeeAmountType
    fee_amount: Decimal
    max_fee_amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """The fees of one fill in cents: `each` in the order of the fees, and by kind."""

    each: tuple[Decimal, ...] = ()
    commission: Decimal = ZERO
    markup: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Commission and markup together."""
        return self.commission + self.markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What a fee in yield is measured from: the bond, its clean price, and the client's side."""

    bond: Bond | None
    price: Decimal
    settlement_date: date
    side: str


def effective(
    of_order: Sequence[Mapping[str, Any]], of_risk_group: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """The fees that count: the order's if it names any, else the risk group's (guide, Fees)."""
    return of_order or of_risk_group


def parse(given: Sequence[Mapping[str, Any]], *, field: str = "fees") -> tuple[Fee, ...]:
    """CustomFee objects as values. Raises `OmsError` (422) that names every fault."""
    faults: list[Detail] = []
    fees = [_parse(one, f"{field}[{n}]", faults) for n, one in enumerate(given)]
    if faults:
        raise OmsError(faults[0].code, faults[0].message, details=faults)
    return tuple(fee for fee in fees if fee is not None)


def charge(
    fees: Sequence[Fee],
    *,
    qty: Decimal,
    principal: Decimal,
    so_far: Sequence[Decimal] = (),
    traded: Traded | None = None,
) -> Charge:
    """The fees of one fill of `qty` par worth `principal` (clean), each half-up to the cent.

    `so_far` is what each fee has cost this order already: a cap is for the order, not per fill.
    A fee in yield needs `traded`. Raises `OmsError` (`fee_needs_yield`) where there is no yield.
    """
    each = tuple(
        _capped(fee, _amount(fee, qty, principal, traded), so_far[n] if so_far else ZERO)
        for n, fee in enumerate(fees)
    )
    by_type = dict.fromkeys(FeeType, ZERO)
    for fee, amount in zip(fees, each, strict=True):
        by_type[fee.fee_type] += amount
    return Charge(each, by_type[FeeType.COMMISSION], by_type[FeeType.MARKUP])


def _amount(fee: Fee, qty: Decimal, principal: Decimal, traded: Traded | None) -> Decimal:
    if fee.fee_amount_type is FeeAmountType.YIELD_BPS:
        return _of_yield(fee, qty, traded)
    of_par = fee.fee_amount_type is FeeAmountType.PERCENTAGE_OF_PAR
    base = Fraction(qty if of_par else principal)
    return numbers.round_fraction(base * Fraction(fee.fee_amount) / 100, places=2)


def _of_yield(fee: Fee, qty: Decimal, traded: Traded | None) -> Decimal:
    """The price of so many basis points of yield: a buyer's yield falls, a seller's rises."""
    if traded is None:
        raise OmsError(*_NEEDS_YIELD)
    at = analytics.yield_to_maturity(
        bond=traded.bond, clean_price=traded.price, settlement_date=traded.settlement_date
    )
    if at is None:
        raise OmsError(*_NEEDS_YIELD)
    points = fee.fee_amount / 100
    net = analytics.clean_price(
        bond=traded.bond,
        yield_percent=at - points if traded.side == "buy" else at + points,
        settlement_date=traded.settlement_date,
    )
    if net is None:
        raise OmsError(*_NEEDS_YIELD)
    # From the yield's own price, so that no basis points cost nothing at all.
    base = analytics.clean_price(
        bond=traded.bond, yield_percent=at, settlement_date=traded.settlement_date
    )
    assert base is not None
    return numbers.round_fraction(Fraction(qty) * abs(Fraction(net - base)) / 100, places=2)


def _capped(fee: Fee, amount: Decimal, so_far: Decimal) -> Decimal:
    if fee.max_fee_amount is None:
        return amount
    return min(amount, max(fee.max_fee_amount - so_far, ZERO))


def _parse(one: Mapping[str, Any], field: str, faults: list[Detail]) -> Fee | None:
    before = len(faults)
    faults.extend(
        Detail(f"{field}.{name}", "unknown_field", "A fee has no such field.")
        for name in sorted(set(one) - _KNOWN)
    )
    faults.extend(
        Detail(f"{field}.{name}", "required", "Give its id.")
        for name in _NAMES
        if not isinstance(one.get(name), str) or not one[name]
    )
    kind = _choice(FeeType, one, f"{field}.fee_type", faults)
    measure = _choice(FeeAmountType, one, f"{field}.fee_amount_type", faults)
    amount = _number(one.get("fee_amount"), f"{field}.fee_amount", faults)
    cap = one.get("max_fee_amount")
    cap = None if cap is None else _number(cap, f"{field}.max_fee_amount", faults)
    if cap is not None and cap != numbers.round_cents(cap):
        faults.append(Detail(f"{field}.max_fee_amount", "not_in_cents", "Give it in cents."))
    if len(faults) > before or kind is None or measure is None or amount is None:
        return None
    return Fee(
        fee_schedule_id=one["fee_schedule_id"],
        fee_schedule_asset_level_id=one["fee_schedule_asset_level_id"],
        recipient_id=one["recipient_id"],
        fee_type=kind,
        fee_amount_type=measure,
        fee_amount=amount,
        max_fee_amount=cap,
    )


def _choice(
    kind: type[Choice], one: Mapping[str, Any], field: str, faults: list[Detail]
) -> Choice | None:
    given = one.get(field.rpartition(".")[2])
    if isinstance(given, str) and given in set(kind):
        return kind(given)
    faults.append(Detail(field, "not_a_choice", f"Give one of {', '.join(kind)}."))
    return None


def _number(given: object, field: str, faults: list[Detail]) -> Decimal | None:
    try:
        # Stored JSON keeps decimals as text; requests bring them as decimals or whole numbers.
        is_number = isinstance(given, Decimal | int | str) and not isinstance(given, bool)
        value = numbers.parse_decimal(str(given)) if is_number else None
    except numbers.NotADecimal:
        value = None
    if value is None or value < 0:
        faults.append(Detail(field, "not_an_amount", "Give a plain number of zero or more."))
        return None
    return value
