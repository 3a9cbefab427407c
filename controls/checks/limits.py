"""Would this order take somebody over a limit, with all that is held and all that is open?"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from controls import wording
from controls.findings import Answer, Finding, Passed
from controls.needs import Need
from controls.parameters import Params
from controls.ticket import Ticket

Scope = Literal["account", "organization"]
POSITION = (Need("position", "account", "long"), Need("position", "account", "short"))


class GrossParams(Params, frozen=True):
    """The most money in positions, long or short, and open orders together."""

    max_gross: Decimal
    scope: Scope = "account"
    exempt_reducing: bool = False


class NetParams(Params, frozen=True):
    """The most money on one side, were every open order of that side filled and none other."""

    max_net: Decimal
    scope: Scope = "account"
    exempt_reducing: bool = False


class PositionParams(Params, frozen=True):
    """The most of one security, long or short, with open orders; `max_short` unless the same."""

    max_qty: Decimal
    max_short: Decimal | None = None
    scope: Scope = "account"
    exempt_reducing: bool = False


class CreditParams(Params, frozen=True):
    """The most money executed today and still open together."""

    max_credit: Decimal
    scope: Scope = "account"
    exempt_reducing: bool = False


class LossParams(Params, frozen=True):
    """The most money lost today, at reference prices; reducing orders go on."""

    max_loss: Decimal
    scope: Literal["account", "trader", "organization"] = "account"


def _may_reduce(params: Params) -> tuple[Need, ...]:
    return POSITION if getattr(params, "exempt_reducing", False) else ()


def gross_needs(params: GrossParams) -> tuple[Need, ...]:
    """Positions and open orders by value."""
    return (Need("gross", params.scope), *_may_reduce(params))


def gross(ticket: Ticket, params: GrossParams) -> Answer:
    """Current gross, open orders and this one are within the limit."""
    need, *_ = gross_needs(params)
    if params.exempt_reducing and ticket.reduces():
        return Passed(params.max_gross, "reducing")
    actual = Decimal(0)
    for part in ticket.parts(params.scope):
        now, more = ticket.figure(need, part.entity), ticket.value_of(part.qty)
        actual = now + more
        if actual > params.max_gross:
            return Finding(
                f"Gross exposure of {part.label} would be "
                f"{wording.money(actual, over=params.max_gross)}: {wording.cents(now)} now and "
                f"{wording.cents(more)} by this order (limit {wording.amount(params.max_gross)}).",
                params.max_gross,
                actual,
            )
    return Passed(params.max_gross, actual)


def net_needs(params: NetParams) -> tuple[Need, ...]:
    """Positions with the open orders of either side."""
    sides = (Need("net", params.scope, "long"), Need("net", params.scope, "short"))
    return (*sides, *_may_reduce(params))


def net(ticket: Ticket, params: NetParams) -> Answer:
    """The side that this order adds to is within the limit."""
    long, short, *_ = net_needs(params)
    if params.exempt_reducing and ticket.reduces():
        return Passed(params.max_net, "reducing")
    actual = Decimal(0)
    for part in ticket.parts(params.scope):
        now = ticket.figure(long if ticket.signed > 0 else short, part.entity)
        actual = ticket.signed * now + ticket.value_of(part.qty)
        if actual > params.max_net:
            side = "long" if ticket.signed > 0 else "short"
            return Finding(
                f"Net {side} exposure of {part.label} would be "
                f"{wording.money(actual, over=params.max_net)} "
                f"(limit {wording.amount(params.max_net)}).",
                params.max_net,
                actual,
            )
    return Passed(params.max_net, actual)


def position_needs(params: PositionParams) -> tuple[Need, ...]:
    """The position in the security with the open orders of either side."""
    sides = (Need("position", params.scope, "long"), Need("position", params.scope, "short"))
    return (*sides, *_may_reduce(params))


def position(ticket: Ticket, params: PositionParams) -> Answer:
    """Held, open and this order together are within the limit of that side."""
    long, short, *_ = position_needs(params)
    if params.exempt_reducing and ticket.reduces():
        return Passed(params.max_qty, "reducing")
    limit = params.max_qty if ticket.signed > 0 else (params.max_short or params.max_qty)
    actual = Decimal(0)
    for part in ticket.parts(params.scope):
        now = ticket.figure(long if ticket.signed > 0 else short, part.entity)
        actual = ticket.signed * now + part.qty
        if actual > limit:
            side = "long" if ticket.signed > 0 else "short"
            return Finding(
                f"Position of {part.label} in {ticket.cusip} would be {wording.amount(actual)} "
                f"{side} with open orders (limit {wording.amount(limit)}).",
                limit,
                actual,
            )
    return Passed(limit, actual)


def credit_needs(params: CreditParams) -> tuple[Need, ...]:
    """What was executed today and what is open."""
    return (Need("credit", params.scope), *_may_reduce(params))


def credit(ticket: Ticket, params: CreditParams) -> Answer:
    """Executed today, open and this order together are within the credit."""
    need, *_ = credit_needs(params)
    if params.exempt_reducing and ticket.reduces():
        return Passed(params.max_credit, "reducing")
    actual = Decimal(0)
    for part in ticket.parts(params.scope):
        actual = ticket.figure(need, part.entity) + ticket.value_of(part.qty)
        if actual > params.max_credit:
            return Finding(
                f"Credit used by {part.label} would be "
                f"{wording.money(actual, over=params.max_credit)} today "
                f"(limit {wording.amount(params.max_credit)}).",
                params.max_credit,
                actual,
            )
    return Passed(params.max_credit, actual)


def loss_needs(params: LossParams) -> tuple[Need, ...]:
    """Money made today, and the position that tells what reduces."""
    return (Need("pnl", params.scope), *POSITION)


def loss(ticket: Ticket, params: LossParams) -> Answer:
    """Not more than the limit is lost today, or this order reduces a position."""
    need, *_ = loss_needs(params)
    actual = Decimal(0)
    for part in ticket.parts(params.scope):
        actual = -ticket.figure(need, part.entity)
        if actual > params.max_loss and not ticket.reduces():
            return Finding(
                f"{part.label[0].upper()}{part.label[1:]} has lost "
                f"{wording.money(actual, over=params.max_loss)} today "
                f"(limit {wording.amount(params.max_loss)}): only reducing orders.",
                params.max_loss,
                actual,
            )
    return Passed(params.max_loss, actual)
