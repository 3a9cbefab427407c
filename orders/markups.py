"""The client's prices and the street's: what a markup makes of either.

A limit is the client's and has every markup in it, so what venues hear is the limit without them;
whoever sends a limit to a venue, or compares one with a price of the street, asks here. Commissions
are charged beside the price and move nothing. What the parties to a dealer's price see is `layers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from allocations import accounts, fees
from allocations.fees import Fee, FeeType, Traded
from oms_site.kit import numbers
from oms_site.kit.errors import OmsError
from orders.models import ExecutionOrder, Order
from venues import instruments, sessions

PLACES = 8
_TRIES = 64
_NEAR = Decimal(1).scaleb(-PLACES)
# So many that cents do not show: the limit of a trade of any size.
_MANY = Decimal(1_000_000)
_FILL_OR_KILL = "fok"


def street(order: Order, row: ExecutionOrder, *, at: datetime) -> Decimal | None:
    """What venues are told as the limit of an execution order; None without one."""
    return street_limit(order, row.limit_price, at=at, given=row.fees, whole=_whole(order, row))


def street_limit(
    order: Order,
    limit: Decimal | None,
    *,
    at: datetime,
    given: Sequence[Mapping[str, Any]] = (),
    whole: Decimal | None = None,
) -> Decimal | None:
    """The client's limit without markups, rounded for the client to the security's tick.

    `given` are fees that replace the order's (F44). A fill may be as small as its venue likes, so a
    cap on a fee gives no room, unless all of a quantity `whole` trades at once. Raises `OmsError`
    (`markups_exceed_limit`) when the markups leave no price.
    """
    marked = of(order, given)
    if limit is None or not marked:
        return limit
    if whole is None:
        marked = [replace(fee, max_fee_amount=None) for fee in marked]
    qty, settles = whole or _MANY, settles_on(order, at)
    sign = 1 if order.side == "buy" else -1

    def seen(price: Decimal) -> Decimal:
        return price + points(order, marked, price, qty, settles)

    found, tick = _solved(seen, limit), instruments.by_id(order.instrument_id).tick
    if found is not None:
        rounding = ROUND_FLOOR if sign > 0 else ROUND_CEILING
        found = (found / tick).to_integral_value(rounding) * tick
        while found > 0 and sign * (seen(found) - limit) > 0:
            found -= sign * tick
    if found is None or found <= 0:
        text = "The markups leave nothing of the limit for the street."
        raise OmsError("markups_exceed_limit", text, field="limit_price")
    return found


def client_price(
    order: Order,
    price: Decimal,
    *,
    at: datetime,
    given: Sequence[Mapping[str, Any]] = (),
    qty: Decimal | None = None,
) -> Decimal:
    """A street price with every markup; of one trade of `qty` with its cents and caps."""
    marked = of(order, given)
    if not marked:
        return price
    if qty is None:
        marked = [replace(fee, max_fee_amount=None) for fee in marked]
    return price + points(order, marked, price, qty or _MANY, settles_on(order, at))


def is_worse(
    order: Order, row: ExecutionOrder, price: Decimal, *, qty: Decimal, at: datetime
) -> bool:
    """Whether a trade at a street price is worse for the client than an execution order's limit."""
    limit, sign = row.limit_price, 1 if order.side == "buy" else -1
    if limit is None:
        return False
    seen = [client_price(order, price, at=at, given=row.fees, qty=size) for size in (None, qty)]
    return all(sign * (one - limit) > 0 for one in seen)


def of(order: Order, given: Sequence[Mapping[str, Any]] = ()) -> list[Fee]:
    """The markups that count: of `given`, else of the order, else of its risk group."""
    group = accounts.find_risk_group(order.organization_id, order.risk_group_id or "")
    named = fees.effective(given or order.fees, accounts.fees_for(group))
    return [fee for fee in fees.parse(named) if fee.fee_type is FeeType.MARKUP] if named else []


def points(
    order: Order, charged: Sequence[Fee], price: Decimal, qty: Decimal, settles: date
) -> Decimal:
    """The markup in points of price, against the client: up for a buyer, down for a seller."""
    facts = instruments.by_id(order.instrument_id)
    traded = Traded(bond=facts.bond, price=price, settlement_date=settles, side=order.side)
    money = Decimal(0)
    for fee in charged:
        try:
            principal = numbers.round_cents(facts.money(qty, price))
            money += fees.charge([fee], qty=qty, principal=principal, traded=traded).markup
        except OmsError:
            # As with a fill: what has no yield is charged no fee in yield.
            continue
    found = money / facts.money(qty, Decimal(1))
    sign = 1 if order.side == "buy" else -1
    return (sign * found).quantize(_NEAR)


def settles_on(order: Order, at: datetime) -> date:
    """When a trade of this moment settles."""
    calendar = sessions.calendar(instruments.by_id(order.instrument_id).market)
    return calendar.settlement_date(calendar.trade_date(at))


def _whole(order: Order, row: ExecutionOrder) -> Decimal | None:
    """The quantity of an execution order that trades at once or not at all."""
    return row.qty if row.all_or_none or order.time_in_force == _FILL_OR_KILL else None


def _solved(seen: Callable[[Decimal], Decimal], limit: Decimal) -> Decimal | None:
    """The street price that the client sees as the limit; None where no price above zero is."""
    price = limit
    for _ in range(_TRIES):
        off = limit - seen(price)
        if abs(off) <= _NEAR:
            return price
        price += off
        if price <= 0:
            return None
    return None
