"""How many orders like it came in before: what the duplicate control is told, counted one way.

Called for orders that come in and for new terms of orders: never for an order that is looked at
again as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from controls import screening
from controls.ticket import Ticket
from oms_site.firm import libpq
from orders.models import Order
from orders.tickets import economics

_ALIKE = "SELECT * FROM orders_alike($1, $2)"


@dataclass(frozen=True, slots=True)
class Asked:
    """Terms, by their number, at a moment; `order` is whose terms they are to become.

    An order whose terms change is never alike itself. Its window ends at that moment, and it has
    that of its own entry as well: waiting makes no duplicate a single order.
    """

    organization_id: str
    economics: int
    at: datetime
    order: Order | None = None


def counted(asked: Sequence[Asked]) -> list[int]:
    """How many equal orders each has had within its organization's window: one query.

    None at all where no control asks.
    """
    windows = {one.organization_id: timedelta(0) for one in asked}
    for name in windows:
        windows[name] = timedelta(seconds=screening.window_for_duplicates(name) or 0)
    spans = [_spans(one, windows[one.organization_id]) for one in asked]
    starts = [start for mine in spans for start, _ in mine]
    if not starts:
        return [0] * len(asked)
    found: dict[int, list[tuple[str, datetime]]] = defaultdict(list)
    numbers = list({one.economics for one in asked})
    for number, order_id, created_at in libpq.asked(_ALIKE, [numbers, min(starts)]):
        found[number].append((order_id, created_at))
    return [
        sum(
            one.order is None or one.order.id != order_id
            for order_id, created_at in found.get(one.economics, ())
            if any(start < created_at <= (end or created_at) for start, end in mine)
        )
        for one, mine in zip(asked, spans, strict=True)
    ]


def told(
    tickets: Sequence[Ticket],
    terms: Sequence[tuple[Order, Decimal, Decimal | None, Decimal | None]],
    *,
    at: datetime,
) -> list[Ticket]:
    """The tickets of changed orders with what they come to and how many orders are like that.

    `terms` are, for each, its order with the quantity, the limit and the stop price it is to have.
    """
    asked = [
        Asked(
            ticket.organization_id,
            economics(
                organization_id=ticket.organization_id,
                accounts=tuple([account.id for account in ticket.accounts]),
                cusip=ticket.cusip,
                side=ticket.side,
                qty=qty,
                limit_price=stop_price if limit_price is None else limit_price,
            ),
            at,
            order,
        )
        for ticket, (order, qty, limit_price, stop_price) in zip(tickets, terms, strict=True)
    ]
    return [
        msgspec.structs.replace(ticket, economics=one.economics, recent_alike=count)
        for ticket, one, count in zip(tickets, asked, counted(asked), strict=True)
    ]


def _spans(one: Asked, window: timedelta) -> list[tuple[datetime, datetime | None]]:
    """After when and, if it has an end, until when an equal order counts."""
    if not window:
        return []
    spans: list[tuple[datetime, datetime | None]] = [(one.at - window, None)]
    if one.order is not None:
        spans.append((one.order.created_at - window, one.order.created_at))
    return spans
