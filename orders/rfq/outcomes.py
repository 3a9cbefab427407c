"""What a dealer's execution report means for the inquiry whose quote was hit."""

from __future__ import annotations

from datetime import datetime

from oms_site.journal.unit import Unit
from orders.models import ExecutionOrder, Quote, VenueOrder
from orders.rfq import ending, inquiry, wire
from orders.rfq.inquiry import Inquiry
from orders.states import QuoteState
from orders.tree import Tree

PROTOCOL = "rfq"


def traded(work: Unit, one: Tree, row: ExecutionOrder, child: VenueOrder, *, at: datetime) -> None:
    """Shares moved on a hit. A trade after a refusal moves the order and not the inquiry."""
    asked, quote = _of(work, one, row, child)
    if asked is not None and quote is not None and quote.status == QuoteState.HIT:
        ending.trade(work, asked, quote, at=at)
        _wake_amendment(work, one)


def refused(
    work: Unit,
    one: Tree,
    row: ExecutionOrder,
    child: VenueOrder,
    *,
    reason: str,
    at: datetime,
) -> bool:
    """The dealer said no: the inquiry goes back to quoting. True when its execution order lives on.

    It does while the criteria may find another quote; by hand each hit is an order of its own.
    """
    asked, quote = _of(work, one, row, child)
    if asked is None or quote is None or quote.status != QuoteState.HIT:
        return False
    quote.refuse(at=at, reason=reason)
    automatic = asked.rfq.execution_order_id == row.id
    asked.rfq.resume(at=at if automatic else asked.next_due())
    body = {"quote": wire.quote(quote, one.order.amount_type), "reason": reason}
    inquiry.record(work, asked, "rfq_quote_reject", body, also=(quote,), at=at)
    work.ring("orders.tasks.quote")
    _wake_amendment(work, one)
    return automatic and not row.pending and not one.order.pending and not row.is_terminal


def stopped(work: Unit, asked: Inquiry, *, at: datetime) -> bool:
    """A hit whose venue order has ended without its dealer: true when the inquiry goes on."""
    for quote in asked.quotes:
        for row in asked.one.execution_orders:
            for child in asked.one.venue_orders[row.id]:
                if quote.status != QuoteState.HIT or child.id != quote.venue_order_id:
                    continue
                if child.is_terminal and not child.cum_qty:
                    work.notes["inquiries"] = {asked.rfq.id: asked}
                    refused(work, asked.one, row, child, reason=child.text, at=at)
                    return True
    return False


def _wake_amendment(work: Unit, one: Tree) -> None:
    """An amendment that waited for this dealer may go on."""
    if one.order.amending:
        work.ring("orders.tasks.resume_replacing")


def _of(
    work: Unit, one: Tree, row: ExecutionOrder, child: VenueOrder
) -> tuple[Inquiry | None, Quote | None]:
    if row.protocol != PROTOCOL:
        return None, None
    found = Quote.objects.filter(venue_order_id=child.id).values_list("rfq_id", flat=True).first()
    if found is None:
        return None, None
    known: dict[str, Inquiry] = work.notes.setdefault("inquiries", {})
    if found not in known:
        known.update(inquiry.lock(work, {one.order.id: one}, [found]))
    asked = known[found]
    return asked, next((q for q in asked.quotes if q.venue_order_id == child.id), None)
