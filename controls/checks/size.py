"""Is the order too large? Quantity and money."""

from __future__ import annotations

from decimal import Decimal

from controls import wording
from controls.findings import Answer, Finding, Missing, Passed
from controls.needs import Need
from controls.parameters import Params
from controls.ticket import Ticket


class QuantityParams(Params, frozen=True):
    """The most par of a bond, or shares of an equity, in one order."""

    max_qty: Decimal
    exempt_reducing: bool = False


class NotionalParams(Params, frozen=True):
    """The most money in one order; `max_age_s` limits the age of a market order's price."""

    max_notional: Decimal
    max_age_s: int | None = None
    exempt_reducing: bool = False


REDUCING = (Need("position", "account", "long"), Need("position", "account", "short"))


def needs(params: QuantityParams | NotionalParams) -> tuple[Need, ...]:
    """The positions, only where orders that reduce one are exempt."""
    return REDUCING if params.exempt_reducing else ()


def max_quantity(ticket: Ticket, params: QuantityParams) -> Answer:
    """The whole quantity of the order against the limit."""
    if params.exempt_reducing and ticket.reduces():
        return Passed(params.max_qty, "reducing")
    if ticket.order_qty <= params.max_qty:
        return Passed(params.max_qty, ticket.order_qty)
    return Finding(
        f"Quantity {wording.amount(ticket.order_qty)} is over the limit of "
        f"{wording.amount(params.max_qty)}.",
        params.max_qty,
        ticket.order_qty,
    )


def max_notional(ticket: Ticket, params: NotionalParams) -> Answer:
    """The value at the limit price, or for market orders at the reference price."""
    if params.exempt_reducing and ticket.reduces():
        return Passed(params.max_notional, "reducing")
    if ticket.ord_type == "market" and params.max_age_s is not None:
        ticket.fresh_reference(params.max_age_s)
    notional = ticket.notional
    if notional is None:
        raise Missing(f"there is no price to value {ticket.cusip}")
    if notional <= params.max_notional:
        return Passed(params.max_notional, notional)
    return Finding(
        f"Notional {wording.money(notional, over=params.max_notional)} is over the limit of "
        f"{wording.amount(params.max_notional)}.",
        params.max_notional,
        notional,
    )
