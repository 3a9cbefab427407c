"""An order that two people let pass once: its terms, the asking, and the use as it is entered.

`controls.overrides` keeps who asked and who granted. Called by the desk's drafts before and after
their look, and by the API; an organization without anything granted pays nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from controls import overrides, screening
from controls.models import Override, Screening
from controls.states import Outcome
from controls.ticket import Ticket
from oms_site.firm.principals import Principal
from oms_site.journal.unit import Unit
from oms_site.kit.errors import NotFound, OmsError
from orders import rescreen, time_in_force
from orders.models import Order
from orders.states import OrderStatus
from venues import instruments

# What an order says beside its economics: who, what, which way, how much, at what price.
_SAID = (
    *("submitted_by_id", "ord_type", "time_in_force", "stop_price", "extended_hours"),
    *("all_or_none", "trail_amount", "trail_percent", "display_qty", "min_qty", "post_only"),
    "reduce_only",
)


def hash_of(order: Order, ticket: Ticket) -> str:
    """The hash of whose order it is, for whom, of what, how much, at what price and how handled."""
    said = [_plain(order.economics), *(_plain(getattr(order, name)) for name in _SAID)]
    if order.time_in_force == time_in_force.GTD:
        said.append(str(order.expires_at.timestamp()))
    if order.short_sale:
        said.append(order.short_sale)
    said += [f"{one.id}:{_plain(one.qty)}" for one in ticket.accounts]
    return hashlib.sha256("|".join(said).encode()).hexdigest()


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return str(value.normalize() if isinstance(value, Decimal) else value)


def offer(
    work: Unit | None, looked: Sequence[tuple[Order, Ticket]], *, at: datetime
) -> list[tuple[Ticket, Override | None]]:
    """Each ticket with what was granted for its terms; of several alike only the first gets it.

    Without a unit, as in a preview, nothing is locked and nothing is used up.
    """
    keys = [
        (order.organization_id, hash_of(order, ticket))
        if overrides.waiting(order.organization_id, at=at)
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
        ord_type=order.ord_type,
        stop_price=order.stop_price,
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
