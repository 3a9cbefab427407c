"""What a dealer's price is to each party: the street, the introducing broker, and the user.

A markup is money within the client's price. One that is paid to the order's introducing broker is
added last, every other before it; without an introducing broker the user is next to the street.
Commissions are charged beside the price and are in no layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from orders import markups
from orders.models import Order, Quote

_TRIES = 4


@dataclass(frozen=True, slots=True)
class Layers:
    """One price in three views."""

    street: Decimal
    ib: Decimal
    user: Decimal


def of_price(
    order: Order,
    price: Decimal,
    *,
    qty: Decimal,
    at: datetime,
    given: Sequence[Mapping[str, Any]] = (),
) -> Layers:
    """A street price of `qty` in all layers; `given` are fees that replace the order's (F44).

    A cap counts for this trade alone: what earlier fills have used of it makes the price better.
    """
    marked = markups.of(order, given)
    if not marked:
        return Layers(price, price, price)
    broker = [fee for fee in marked if order.ib_id and fee.recipient_id == order.ib_id]
    house = [fee for fee in marked if fee not in broker]
    settles = markups.settles_on(order, at)
    ib = price + markups.points(order, house, price, qty, settles)
    return Layers(price, ib, ib + markups.points(order, broker, price, qty, settles))


def street_price(
    order: Order, wanted: Decimal, *, near: Quote, at: datetime, given: Sequence[Any] = ()
) -> Decimal:
    """What a dealer must quote for the user to get `wanted` or better; exact to eight places."""
    assert near.price is not None
    assert near.qty is not None
    asked = near.price
    for _ in range(_TRIES):
        seen = of_price(order, asked, qty=near.qty, at=at, given=given).user
        if seen == wanted:
            break
        asked += wanted - seen
    return asked


def stored(row: Quote) -> Layers | None:
    """The layers of a quote as they were when it came; None for a pass."""
    if row.price is None:
        return None
    return Layers(
        row.price,
        row.price if row.ib_price is None else row.ib_price,
        row.price if row.user_price is None else row.user_price,
    )
