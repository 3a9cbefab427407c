"""Would it trade with ourselves, or undo a loss? Crosses, wash sales and short sales."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from controls import wording
from controls.findings import Answer, Finding, Passed
from controls.needs import Need
from controls.parameters import Params
from controls.ticket import Ticket

HELD = Need("position", "account", "short")
DAY_S = 24 * 60 * 60


class CrossParams(Params, frozen=True):
    """Whose open orders on the other side count."""

    scope: Literal["account", "trader", "organization"] = "account"


class WashParams(Params, frozen=True):
    """How many days after a sale at a loss a purchase counts (26 U.S.C. 1091: 30)."""

    days: int = 30


class LocateParams(Params, frozen=True):
    """The order's tag that names the located shares (FIX LocateReqd 114, LocateBroker 5700)."""

    tag: str = "locate_id"


def cross_needs(params: CrossParams) -> tuple[Need, ...]:
    """Open orders of the other side at prices that would trade."""
    return (Need("opposite", params.scope),)


def self_cross(ticket: Ticket, params: CrossParams) -> Answer:
    """No open order of the same hands would trade with this one."""
    (need,) = cross_needs(params)
    for part in ticket.parts(params.scope):
        against = ticket.figure(need, part.entity)
        if against:
            other = "sell" if ticket.signed > 0 else "buy"
            return Finding(
                f"It would cross an own open {other} of {wording.amount(against)} of "
                f"{ticket.cusip} ({part.label}).",
                Decimal(0),
                against,
            )
    return Passed(Decimal(0), Decimal(0))


def wash_needs(params: WashParams) -> tuple[Need, ...]:
    """Sales at a loss within the window."""
    return (Need("sales", "account", "", params.days * DAY_S),)


def wash_sale(ticket: Ticket, params: WashParams) -> Answer:
    """A buy does not follow a sale of the same security at a loss within the window."""
    (need,) = wash_needs(params)
    if ticket.signed < 0:
        return Passed(0, "sell")
    sold = [part for part in ticket.parts("account") if ticket.figure(need, part.entity)]
    if not sold:
        return Passed(0, 0)
    who = ", ".join(part.label for part in sold)
    return Finding(
        f"{who[0].upper()}{who[1:]} sold {ticket.cusip} at a loss within {params.days} days: "
        "buying it now is a wash sale.",
        0,
        len(sold),
        about=tuple([part.entity for part in sold]),
    )


def locate_needs(params: LocateParams) -> tuple[Need, ...]:
    """What is held less the open sells."""
    return (HELD,)


def short_locate(ticket: Ticket, params: LocateParams) -> Answer:
    """A sell of more than is held names where the securities were located (Regulation SHO 203).

    One that is marked short does so whatever is held.
    """
    if ticket.signed > 0:
        return Passed(None, "buy")
    located = ticket.tags.get(params.tag, "") or ticket.tags.get("locate_broker", "")
    if ticket.short_sale and not located:
        return Finding(
            f"A sale of {ticket.cusip} that is marked {ticket.short_sale} needs a locate.",
            None,
            ticket.order_qty,
        )
    for part in ticket.parts("account"):
        free = ticket.figure(HELD, part.entity)
        if part.qty > free and not located:
            return Finding(
                f"Of {ticket.cusip} {part.label} has {wording.amount(max(free, Decimal(0)))}"
                f" free to sell: selling {wording.amount(part.qty)} is short and "
                "needs a locate.",
                free,
                part.qty,
            )
    return Passed(None, located or "long")
