"""Hitting a quote: the checks, and the venue order that waits for the dealer's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import OmsError
from orders import brokers, execution, fitness, sides, terms
from orders.models import ExecutionOrder, Quote, VenueOrder
from orders.render import tidy
from orders.rfq import inquiry, layers, wire
from orders.rfq.inquiry import Inquiry
from orders.states import QuoteState, RfqStatus
from venues import instruments, messages, transmission
from venues.messages import QuoteRespType

_GONE: dict[str, tuple[str, str]] = {
    QuoteState.PASSED: ("quote_is_a_pass", "The dealer has passed."),
    QuoteState.COUNTERED: ("quote_countered", "It was countered: wait for the dealer's answer."),
    QuoteState.REPLACED: ("quote_changed", "The dealer has made another price."),
    QuoteState.WITHDRAWN: ("quote_canceled", "The dealer has withdrawn it."),
    QuoteState.CANCELED: ("quote_canceled", "The inquiry is over."),
    QuoteState.EXPIRED: ("quote_expired", "The quote has expired."),
    QuoteState.REJECTED: ("quote_rejected", "The dealer has refused it."),
}
_TAKEN = ("quote_taken", "A quote of this inquiry has been hit already.")


def check(
    asked: Inquiry,
    quote: Quote,
    *,
    qty: Decimal,
    limit: Decimal | None,
    at: datetime,
    fees: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Refuse a hit that may not be. Raises `OmsError` (409 or 422) with the code of the fault.

    A limit is the end client's, so it is compared with the price that has the markups in it;
    `fees` are the hit's own, which replace those that the quote was shown with.
    """
    check_open(asked, quote, at=at)
    assert quote.price is not None
    assert quote.seen_price is not None
    assert quote.qty is not None
    if qty > quote.qty:
        raise OmsError(
            "exceeds_quote_size", f"The quote is for {tidy(quote.qty):f}.", field="amount"
        )
    order = asked.one.order
    bound = order.limit_price if limit is None else limit
    price = quote.seen_price
    if fees:
        price = layers.of_price(order, quote.price, qty=qty, at=at, given=fees).user
    if terms.worse_limit(order.side, bound, price):
        raise OmsError(
            "quote_worse_than_limit", "The quote is worse than the limit.", field="quote_id"
        )
    brokers.refuse(order, quote.dealer_id)
    fitness.refuse(asked.rfq.venue_id, order, qty=qty, limit=quote.price, at=at)


def check_open(asked: Inquiry, quote: Quote, *, at: datetime) -> None:
    """Refuse a quote that nobody can act on. Raises `OmsError` (409).

    The quote's own clock decides: at ValidUntilTime(62) it is over, swept or not.
    """
    rfq = asked.rfq
    if quote.status != QuoteState.ACTIVE:
        code, sentence = _GONE.get(quote.status, _TAKEN)
        raise OmsError(code, sentence, field="quote_id", status=409)
    if rfq.status == RfqStatus.EXECUTING:
        raise OmsError(*_TAKEN, field="quote_id", status=409)
    if not rfq.is_open:
        raise OmsError("rfq_closed", f"The inquiry is {rfq.status}.", status=409)
    if quote.valid_until is None or at >= min(quote.valid_until, rfq.expires_at):
        raise OmsError("quote_expired", "The quote has expired.", field="quote_id", status=409)
    if at < rfq.due_at:
        raise OmsError("quote_not_open", "Bidding is not over yet.", field="quote_id", status=409)


def hit(
    work: Unit,
    asked: Inquiry,
    quote: Quote,
    row: ExecutionOrder,
    *,
    qty: Decimal,
    by: Actor,
    at: datetime,
    words: Sequence[str] = (),
) -> VenueOrder:
    """Take a quote that has been checked. Nothing has traded before the dealer reports it.

    `words` say why, where criteria chose it.
    """
    ranked = asked.ranked()
    child = VenueOrder(
        id=ids.prefixed("vo"),
        organization_id=row.organization_id,
        order_id=row.order_id,
        execution_order_id=row.id,
        venue_id=asked.rfq.venue_id,
        qty=qty,
        leaves_qty=qty,
        limit_price=quote.price,
        created_at=at,
    )
    work.add(child)
    asked.one.venue_orders[row.id].append(child)
    quote.hit(venue_order_id=child.id, rank=ranked.index(quote) + 1)
    asked.rfq.hit()
    body = {
        "execution_order_id": row.id,
        "quote": wire.quote(quote, asked.one.order.amount_type),
        "cl_ord_id": child.id,
        "seen": wire.seen(ranked),
        "words": list(words),
    }
    inquiry.record(work, asked, "rfq_quote_hit", body, also=(quote, child), by=by, at=at)
    respond(work, asked, QuoteRespType.HIT, quote, at=at, cl_ord_id=child.id, qty=qty)
    return child


def respond(
    work: Unit,
    asked: Inquiry,
    word: QuoteRespType,
    quote: Quote | None = None,
    *,
    at: datetime,
    cl_ord_id: str = "",
    qty: Decimal | None = None,
    price: Decimal | None = None,
) -> None:
    """Send a QuoteResponse(AJ) about a quote, or about the whole inquiry."""
    rfq, order = asked.rfq, asked.one.order
    transmission.queue(
        work,
        rfq.venue_id,
        messages.QuoteResponse(
            cl_ord_id=cl_ord_id or ids.prefixed("qr"),
            quote_req_id=rfq.id,
            resp_type=word,
            security_id=instruments.by_id(order.instrument_id).cusip,
            side=execution.SIDES[order.side],
            transact_time=at,
            quote_id=quote.quote_ref if quote is not None else "",
            order_qty=qty,
            price=price if price is not None else quote.price if quote is not None else None,
            **sides.mark(order),
        ),
        at=at,
    )
