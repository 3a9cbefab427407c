"""An order that two people let pass once: its terms, the asking, and the use as it is entered.

`controls.overrides` keeps who asked and who granted. Called by the desk's drafts before and after
their look, and by the API; an organization without anything granted pays nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from controls import overrides, screening
from controls.models import Override, Screening
from controls.states import Outcome
from controls.ticket import Ticket
from oms_site.firm.principals import Principal
from oms_site.journal.unit import Unit
from oms_site.kit.errors import NotFound, OmsError
from orders import rescreen
from orders.models import Order
from orders.states import OrderStatus
from venues import instruments


def hash_of(order: Order, ticket: Ticket) -> str:
    """The hash of whose order it is, for whom, of what, which way, how much and at what price."""
    parts = [
        f"{one.id}:{'' if one.qty is None else one.qty.normalize()}" for one in ticket.accounts
    ]
    said = (
        *(str(order.economics), str(order.submitted_by_id), order.ord_type, order.time_in_force),
        *parts,
    )
    return hashlib.sha256("|".join(said).encode()).hexdigest()


def offer(
    work: Unit | None, looked: Sequence[tuple[Order, Ticket]], *, at: datetime
) -> list[tuple[Ticket, Override | None]]:
    """Each ticket with what was granted for its terms; of several alike only the first gets it.

    Without a unit, as in a preview, nothing is locked and nothing is used up.
    """
    keys = [
        (order.organization_id, hash_of(order, ticket))
        if overrides.waiting(order.organization_id)
        else None
        for order, ticket in looked
    ]
    found = overrides.offers(work, [key for key in keys if key], at=at)
    given = []
    for key, (_, ticket) in zip(keys, looked, strict=True):
        row = found.pop(key, None) if key else None
        if row is not None:
            ticket = msgspec.structs.replace(ticket, overrides=overrides.approved(row))
        given.append((ticket, row))
    return given


def ask(
    order_id: str, *, reason: str, by: Principal, at: datetime, correlation_id: str = ""
) -> Override:
    """Ask that an order which was rejected may be entered again and pass, once, on its terms.

    Raises `NotFound`, `OmsError` 409 `order_not_rejected`, and what `overrides.request` raises.
    """
    overrides.require_asker(by)
    rows = Order.objects.filter(organization_id=by.organization_id, pk=order_id)
    order = rows.first()
    if order is None:
        raise NotFound("order")
    if order.status != OrderStatus.REJECTED or order.screening_id is None:
        raise OmsError("order_not_rejected", "No control has rejected this order.", status=409)
    looked = Screening.objects.get(pk=order.screening_id)
    refused = looked.outcome == Outcome.REJECTED
    ticket = rescreen.ticket_of(order, at=at)
    terms = overrides.Terms(
        hash=hash_of(order, ticket),
        accounts=tuple(one.code for one in ticket.accounts),
        cusip=instruments.by_id(order.instrument_id).cusip,
        side=order.side,
        qty=order.order_qty,
        limit_price=order.limit_price,
        maker_id=order.submitted_by_id,
    )
    return overrides.request(
        order.id,
        terms=terms,
        refusals=screening.overridable(looked.results) if refused else [],
        reason=reason,
        by=by,
        at=at,
        correlation_id=correlation_id,
    )
