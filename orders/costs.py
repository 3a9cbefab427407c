"""What a buy will cost beyond its principal: accrued interest to settlement, and fees.

Asked where cash is looked at: for an order's own ticket, and for the open orders whose cost is kept
from being spent again. A limit has its markups within; a market order pays them on top. Caps are
counted once for each order, and of several possible sets of fees the dearest: never too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from allocations import accounts, fees
from allocations.fees import Fee, FeeType, Traded
from controls.ticket import Ticket
from oms_site.kit import numbers
from oms_site.kit.errors import OmsError
from orders.models import Order
from venues import analytics, instruments, market_data, sessions
from venues.instruments import InstrumentFacts

ZERO = Decimal("0.00")
FeeSet = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """Money beyond the principal of a buy, in cents."""

    accrued_interest: Decimal = ZERO
    fees: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Both together."""
        return self.accrued_interest + self.fees


def sets(
    organization_id: str,
    risk_group_id: str,
    of_order: Iterable[Mapping[str, Any]],
    of_parts: Iterable[Iterable[Mapping[str, Any]]] = (),
) -> tuple[FeeSet, ...]:
    """The sets of fees of which a fill may be charged one; empty where nothing is charged."""
    group = accounts.find_risk_group(organization_id, risk_group_id)
    base = tuple(fees.effective(tuple(of_order), accounts.fees_for(group)))
    found = [base, *(own for part in of_parts if (own := tuple(part)))]
    return tuple(one for one in found if one)


def sets_of(order: Order) -> tuple[FeeSet, ...]:
    """The sets of an order that is there."""
    own = [one.get("fees") or () for one in order.execution_instructions]
    return sets(order.organization_id, order.risk_group_id or "", order.fees, own)


def of_ticket(ticket: Ticket, qty: Decimal) -> Cost:
    """What this much of a ticket costs beyond its principal; nothing of a sell."""
    price = ticket.working_price
    if ticket.side != "buy" or qty <= 0 or price is None:
        return Cost()
    facts, market = instruments.by_id(ticket.instrument_id), ticket.ord_type != "limit"
    settles = _settles(facts, ticket.at)
    charged = _dearest(
        ticket.charged, facts, qty, facts.money(qty, price), price, settles, market=market
    )
    return Cost(_accrued(facts, qty, settles), charged)


def of_open(
    instrument_id: int,
    charged: Sequence[FeeSet],
    *,
    limited: tuple[Decimal, Decimal, Decimal],
    market_qty: Decimal,
    reference: Decimal | None,
    orders: int,
    at: datetime,
) -> Decimal | None:
    """What open buys alike cost beyond their principal; None where it cannot be known.

    `limited` are the quantity, quantity x limit and highest limit of those that have one.
    """
    facts, (qty, money, high) = instruments.by_id(instrument_id), limited
    settles = _settles(facts, at)
    total = _accrued(facts, qty + market_qty, settles)
    if qty:
        worth = facts.money(Decimal(1), money)
        total += _dearest(charged, facts, qty, worth, high, settles, market=False, orders=orders)
    if market_qty and charged:
        if reference is None:
            return None
        worth = facts.money(market_qty, reference)
        total += _dearest(
            charged, facts, market_qty, worth, reference, settles, market=True, orders=orders
        )
    return total


def of_sums(
    organization_id: str,
    instrument_id: int,
    sums: tuple[Decimal, Decimal | None, Decimal | None, Decimal | None],
    charged: str | None,
    risk_group_id: str | None,
    orders: int,
    *,
    at: datetime,
    without_price: Decimal | None = None,
) -> Decimal | None:
    """The same from a query: all quantity, that at market, quantity x limit and highest limit.

    `charged` is JSON: the order's fees, then those of its instructions; None where nothing counts.
    """
    if charged is None:
        return ZERO
    qty, market, money, high = (one or Decimal(0) for one in sums)
    of_order, *of_parts = msgspec.json.decode(charged)
    price = market_data.reference(instrument_id)
    return of_open(
        instrument_id,
        sets(organization_id, risk_group_id or "", of_order, of_parts),
        limited=(qty - market, money, high),
        market_qty=market,
        reference=without_price if price is None else price.mid,
        orders=orders,
        at=at,
    )


def _settles(facts: InstrumentFacts, at: datetime) -> date:
    calendar = sessions.calendar(facts.market)
    return calendar.settlement_date(calendar.trade_date(at))


def _accrued(facts: InstrumentFacts, qty: Decimal, settles: date) -> Decimal:
    return analytics.accrued_interest(bond=facts.bond, par=qty, settlement_date=settles)


def _dearest(
    charged: Sequence[FeeSet],
    facts: InstrumentFacts,
    qty: Decimal,
    worth: Decimal,
    price: Decimal,
    settles: date,
    *,
    market: bool,
    orders: int = 1,
) -> Decimal:
    """The most that any of these sets of fees comes to."""
    traded = Traded(bond=facts.bond, price=price, settlement_date=settles, side="buy")
    principal, most = numbers.round_cents(worth), ZERO
    for one in charged:
        total = ZERO
        for fee in fees.parse(one):
            if market or fee.fee_type is FeeType.COMMISSION:
                total += _fee(fee, qty, principal, traded, orders)
        most = max(most, total)
    return most


def _fee(fee: Fee, qty: Decimal, principal: Decimal, traded: Traded, orders: int) -> Decimal:
    cap = fee.max_fee_amount
    wide = fee if cap is None else replace(fee, max_fee_amount=cap * orders)
    try:
        return fees.charge([wide], qty=qty, principal=principal, traded=traded).total
    except OmsError:
        # As with a fill: what has no yield is charged no fee in yield.
        return ZERO
