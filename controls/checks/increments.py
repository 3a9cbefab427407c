"""Does it fit the security's own steps? Denomination, lot and price tick."""

from __future__ import annotations

from decimal import Decimal

from controls import wording
from controls.findings import Answer, Finding, Missing, Passed
from controls.parameters import Params
from controls.ticket import Ticket


class LotParams(Params, frozen=True):
    """A lot size beside the security's own increment, and the price tick, when given."""

    lot: Decimal | None = None
    tick: Decimal | None = None


def lot(ticket: Ticket, params: LotParams) -> Answer:
    """Every account's part is at least the denomination and a multiple of increment and lot."""
    least, step = ticket.min_denomination, ticket.min_increment
    if least is None or step is None:
        raise Missing(f"the denomination of {ticket.cusip} is not known")
    for part in ticket.parts("account"):
        if part.qty < least:
            return Finding(
                f"{wording.amount(part.qty)} is below the denomination of {wording.amount(least)}.",
                least,
                part.qty,
            )
        for unit in (step, params.lot):
            if unit is not None and part.qty % unit:
                return Finding(
                    f"{wording.amount(part.qty)} is no multiple of {wording.amount(unit)}.",
                    unit,
                    part.qty,
                )
    price = ticket.limit_price
    if params.tick is not None and price is not None and price % params.tick:
        return Finding(
            f"Limit {wording.price(price)} is off the tick of {params.tick:f}.", params.tick, price
        )
    return Passed(step, ticket.order_qty)
