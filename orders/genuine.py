"""Whether what waits to be sent says what was decided: no message trades for what no gate has seen.

The queue of messages is a table like others: whoever can write to it could put an order there, or
change one that has passed. Asked for every batch that is about to be sent; what does not belong to
a venue order, or to a leg of a replacement, with just these terms is never sent, and a break opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from oms_site.journal import unit
from oms_site.journal.actors import Actor
from orders import breaks, execution, sides
from orders.models import Quote, ReplaceLeg, VenueOrder
from venues import instruments, messages, transmission
from venues.messages import NewOrder, QuoteResponse, QuoteRespType, ReplaceRequest
from venues.models import Outbound

KIND = "forged_message"
# Messages that can make a venue trade more, by our word for them.
_TRADING = {NewOrder: "D", ReplaceRequest: "G", QuoteResponse: transmission.HIT}
_Trading = NewOrder | ReplaceRequest | QuoteResponse


@dataclass(frozen=True, slots=True)
class Terms:
    """What was decided about one ClOrdID; `once_sent` terms may have moved since."""

    organization_id: str
    order_id: str
    venue_id: str
    side: str
    instrument_id: int
    qty: object
    price: object
    once_sent: bool = False
    short_sale: str = ""
    quote: tuple[str, str] = ("", "")  # of a hit: its inquiry, and the dealer's id of the quote


def only(venue_id: str, rows: Sequence[Outbound], *, by: Actor, at: datetime) -> Sequence[Outbound]:
    """The rows that may go on to the last look; of every other one a break tells."""
    said = {row.pk: _trading(row) for row in rows}
    asked = [one for one in said.values() if isinstance(one, _Trading)]
    decided = _decided(asked) if asked else {}
    faults = {
        row.pk: fault for row in rows if (fault := _fault(venue_id, row, said[row.pk], decided))
    }
    if not faults:
        return rows
    with unit.work(by=by, at=at) as work:
        for row in rows:
            if row.pk in faults:
                known = decided.get(row.cl_ord_id)
                breaks.open(
                    work,
                    kind=KIND,
                    key=f"{venue_id}/{row.pk}",
                    evidence={"body": row.body[:4000], "kind": row.kind, "why": faults[row.pk]},
                    at=at,
                    organization_id=known.organization_id if known else breaks.HOUSE,
                    order_id=known.order_id if known else "",
                )
        transmission.answer((row.cl_ord_id for row in rows if row.pk in faults), at=at)
    return [row for row in rows if row.pk not in faults]


def _trading(row: Outbound) -> _Trading | str | None:
    """What would trade, None for what would not, or why it cannot be read."""
    try:
        message = messages.decode_outgoing(row.body)
    except msgspec.MsgspecError as error:
        return f"it cannot be read: {error}"
    if isinstance(message, QuoteResponse) and message.resp_type != QuoteRespType.HIT:
        return None
    return message if isinstance(message, _Trading) else None


def _decided(asked: Iterable[_Trading]) -> Mapping[str, Terms]:
    names = sorted({one.cl_ord_id for one in asked})
    rows = VenueOrder.objects.filter(id__in=names).select_related("order").order_by("id")
    hits = any(isinstance(one, QuoteResponse) for one in asked)
    quotes = _quotes(names) if hits else {}
    found = {
        child.id: Terms(
            child.organization_id,
            child.order_id,
            child.venue_id,
            child.order.side,
            child.order.instrument_id,
            child.qty,
            child.limit_price,
            bool(child.cl_ord_id),
            sides.WIRE[child.order.short_sale],
            quotes.get(child.id, ("", "")),
        )
        for child in rows
    }
    if any(isinstance(one, ReplaceRequest) for one in asked):
        legs = ReplaceLeg.objects.filter(id__in=names).select_related("order", "venue_order")
        for leg in legs.order_by("id"):
            found[leg.id] = Terms(
                leg.organization_id,
                leg.order_id,
                leg.venue_order.venue_id,
                leg.order.side,
                leg.order.instrument_id,
                leg.qty,
                leg.limit_price,
                short_sale=sides.WIRE[leg.order.short_sale],
            )
    return found


def _quotes(names: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """The inquiry and the dealer's id of the quote that each of these venue orders takes."""
    rows = Quote.objects.filter(venue_order_id__in=names).order_by("id")
    taken = rows.values_list("venue_order_id", "rfq_id", "quote_ref")
    return {child_id: (rfq_id, ref) for child_id, rfq_id, ref in taken if child_id}


def _fault(
    venue_id: str, row: Outbound, said: _Trading | str | None, decided: Mapping[str, Terms]
) -> str:
    """Why a row is not what was decided; empty when it is, or trades nothing."""
    if said is None or isinstance(said, str):
        return said or ""
    terms = decided.get(said.cl_ord_id)
    if (row.kind, row.cl_ord_id) != (_TRADING[type(said)], said.cl_ord_id):
        return "it is not what its row calls it"
    if terms is None:
        return "nobody has decided it"
    who = (terms.venue_id, execution.SIDES[terms.side])
    if (venue_id, said.side) != who:
        return "it goes to another venue, or the other way"
    if said.short_sale != terms.short_sale:
        return "its sale is marked otherwise"
    if said.security_id != instruments.by_id(terms.instrument_id).cusip:
        return "it is another security"
    if terms.once_sent:
        return ""
    if isinstance(said, QuoteResponse) and (said.quote_req_id, said.quote_id) != terms.quote:
        return "it takes another quote"
    if (said.order_qty, said.price) != (terms.qty, terms.price):
        return f"it asks for {said.order_qty} at {said.price}, not {terms.qty} at {terms.price}"
    return ""
