"""Whether a venue still takes what is about to be asked of it, by what it is and takes right now.

Routing has asked before; between then and the wire a venue may have been suspended, have closed,
or take other sizes. From memory: no query. Refusals have stable codes and send nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from oms_site.kit.errors import OmsError
from orders import brokers, handling
from orders.models import Order, VenueOrder
from venues import capabilities, formats, instruments, messages, registry
from venues.models import Outbound
from venues.smart_routing import VenueFacts

RFQ = "rfq"


def fault(
    venue_id: str,
    order: Order,
    *,
    qty: Decimal,
    limit: Decimal | None,
    at: datetime,
    protocol: str = capabilities.BOOK,
    fresh: bool = True,
) -> OmsError | None:
    """Why a venue would not take this now; None when it does.

    `fresh` False is about an order that it has: its size must fit, whether or not it takes new
    ones at this moment.
    """
    venue = registry.find(venue_id)
    if venue is None:
        return OmsError("venue_not_found", f"No venue {venue_id} is known.", status=409)
    takes = venue.capabilities or capabilities.Capabilities()
    if why := takes.why_not_size(qty):
        return OmsError("venue_size_refused", f"{venue_id} {why}.", status=409)
    if not fresh:
        return None
    if venue.status != "active":
        return OmsError("venue_not_active", f"{venue_id} is {venue.status}.", status=409)
    worked = protocol in capabilities.WORKED
    if worked and (why := brokers.why_not(order, venue_id)):
        return OmsError("broker_not_approved", f"{venue_id} {why}.", status=409)
    if why := _why_not_kind(venue, order, limit, protocol):
        return OmsError("venue_type_refused", f"{venue_id} {why}.", status=409)
    if worked and (why := takes.why_not_handling(handling.needs(order))):
        return OmsError("venue_capability_refused", f"{venue_id} {why}.", status=409)
    if why := takes.why_not(time_in_force=order.time_in_force, at=at, protocol=protocol):
        return OmsError("venue_capability_refused", f"{venue_id} {why}.", status=409)
    return None


def _why_not_kind(venue: VenueFacts, order: Order, limit: Decimal | None, protocol: str) -> str:
    asset_class = instruments.by_id(order.instrument_id).asset_class
    if venue.asset_classes and asset_class not in venue.asset_classes:
        return f"does not trade {asset_class}"
    ord_type = "market" if limit is None else "limit"
    if protocol in capabilities.WORKED and venue.ord_types and ord_type not in venue.ord_types:
        return f"takes no {ord_type} orders"
    return ""


def of_children(children: Iterable[VenueOrder], *, at: datetime) -> dict[str, OmsError]:
    """What venues would refuse of these, by id; each with its order and execution order."""
    found = {}
    for child in children:
        why = fault(
            child.venue_id,
            child.order,
            qty=child.qty,
            limit=child.limit_price,
            at=at,
            protocol=child.execution_order.protocol,
        )
        if why is not None:
            found[child.id] = why
    return found


def of_messages(venue_id: str, rows: Sequence[Outbound]) -> dict[str, OmsError]:
    """What a venue's format has no words for any more, by ClOrdID.

    Parameters that are kept with an order go as its format knew them when the order was taken.
    """
    found = {}
    for row in rows:
        said = messages.decode_outgoing(row.body)
        if not isinstance(said, messages.NewOrder | messages.ReplaceRequest):
            continue
        given, algorithm = dict(said.extensions), said.algorithm
        if not given and not algorithm:
            continue
        if faults := formats.check(venue_id, given, field="venue_parameters", algorithm=algorithm):
            text = " ".join(f"{one.field}: {one.message}" for one in faults)
            found[said.cl_ord_id] = OmsError("venue_format_refused", text, status=409)
    return found


def of_leg(
    child: VenueOrder,
    qty: Decimal,
    limit: Decimal | None,
    *,
    at: datetime,
    order: Order | None = None,
    protocol: str | None = None,
) -> OmsError | None:
    """Why its venue would not work an order as this much at this limit; None when it would.

    What is only to be less, or gone, is let go whatever stands against new orders there.
    """
    if qty <= child.cum_qty:
        return None
    more = qty > child.qty or limit != child.limit_price
    of = order or child.order
    by = protocol or child.execution_order.protocol
    return fault(child.venue_id, of, qty=qty, limit=limit, at=at, protocol=by, fresh=more)


def refuse_leg(
    child: VenueOrder,
    qty: Decimal,
    limit: Decimal | None,
    *,
    of: Order,
    at: datetime,
    protocol: str,
) -> None:
    """Raises `OmsError` (409) when the venue of a planned leg would not take its new terms."""
    why = of_leg(child, qty, limit, at=at, order=of, protocol=protocol)
    if why is not None:
        raise why


def refuse(
    venue_id: str, order: Order, *, qty: Decimal, limit: Decimal | None, at: datetime
) -> None:
    """Raises `OmsError` (409) when dealers of a venue may not be asked for, or hit with, this."""
    why = fault(venue_id, order, qty=qty, limit=limit, at=at, protocol=RFQ)
    if why is not None:
        raise why
