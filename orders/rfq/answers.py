"""What dealers and their venue answer: applied in the venue's order, kept for ever.

An answer to an inquiry that is over is kept too; it changes nothing that has ended.
"""

from __future__ import annotations

from datetime import datetime

from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders import execution
from orders.models import Quote
from orders.rfq import ending, inquiry, layers, rounds, wire
from orders.rfq.inquiry import Inquiry
from orders.states import QUOTE_OPEN, QuoteState, RfqStatus
from venues import dealers, instruments
from venues.messages import (
    DealerQuote,
    QuoteCancel,
    QuoteReport,
    QuoteRequestReject,
    QuoteStatus,
)

Applied = tuple[str, str]  # verdict and note, for the inbox


def apply(
    work: Unit, asked: Inquiry, report: QuoteReport, *, received_at: datetime, at: datetime
) -> Applied:
    """Apply one answer. Returns its verdict for the inbox."""
    if isinstance(report, DealerQuote):
        return _quoted(work, asked, report, received_at, at)
    if isinstance(report, QuoteCancel):
        return _withdrawn(work, asked, report, at)
    if isinstance(report, QuoteRequestReject):
        if not asked.rfq.is_open or asked.rfq.status == RfqStatus.EXECUTING:
            return "noted", f"the inquiry is {asked.rfq.status}"
        ending.refuse(work, asked, report.text or str(report.reason), by=work.by, at=at)
        return "applied", ""
    if report.quote_status == QuoteStatus.PASS:
        return _passed(work, asked, report.dealer, report.text, received_at, at)
    if asked.rfq.status != RfqStatus.SENT:
        return "duplicate", "it was acknowledged before"
    asked.rfq.open()
    inquiry.record(work, asked, "rfq_acknowledge", {}, msg_type=MsgType.INTERNAL, at=at)
    return "applied", ""


def _quoted(
    work: Unit, asked: Inquiry, report: DealerQuote, received_at: datetime, at: datetime
) -> Applied:
    if asked.find(report.quote_id) is not None:
        return "duplicate", f"quote {report.quote_id} is known"
    if dealers.find(report.dealer) is None or report.dealer not in asked.rfq.dealers:
        return "break", f"{report.dealer} was not asked"
    order = asked.one.order
    wanted = (execution.SIDES[order.side], instruments.by_id(order.instrument_id).cusip)
    if (report.side, report.security_id) != wanted:
        return "break", "it is for the other side, or of another security"
    if report.px <= 0 or report.size <= 0:
        return "break", "a quote without price or size"
    # One that came too late to be hit is evidence all the same.
    status, closed_at = (
        (QuoteState.ACTIVE, None) if asked.rfq.is_open else (QuoteState.CANCELED, at)
    )
    row = _row(asked, report.dealer, received_at, status, closed_at)
    row.quote_ref, row.round, row.quoted_at = report.quote_id, report.round, report.transact_time
    row.price, row.qty, row.valid_until = report.px, report.size, report.valid_until_time
    _mark_up(asked, row, at)
    former = _open_of(asked, report.dealer)
    answered = rounds.answer(asked, former, row, at=at)
    for quote in former:
        quote.replace(at=at)
    _add(work, asked, row, at=at)
    kind = asked.one.order.amount_type
    body = {
        "quote": wire.quote(row, kind),
        "replaces": former[0].id if former else None,
        "negotiation": wire.negotiation(answered[0]) if answered else None,
    }
    inquiry.record(work, asked, "rfq_quote", body, also=(row, *former, *answered), at=at)
    return "applied", ""


def _mark_up(asked: Inquiry, row: Quote, at: datetime) -> None:
    """Note what the price is to the introducing broker and to the user, by the fees of now."""
    assert row.price is not None
    assert row.qty is not None
    own = ending.owner(asked)
    seen = layers.of_price(
        asked.one.order,
        row.price,
        qty=min(row.qty, asked.rfq.qty),
        at=at,
        given=own.fees if own is not None else (),
    )
    # A markup that leaves nothing is no price; the street's stays as it came.
    if seen.user != seen.street and min(seen.ib, seen.user) > 0:
        row.ib_price, row.user_price = seen.ib, seen.user


def _open_of(asked: Inquiry, dealer: str) -> list[Quote]:
    return [quote for quote in asked.open_quotes() if quote.dealer_id == dealer]


def _passed(
    work: Unit, asked: Inquiry, dealer: str, text: str, received_at: datetime, at: datetime
) -> Applied:
    known = any(q.dealer_id == dealer and q.status == QuoteState.PASSED for q in asked.quotes)
    former = _open_of(asked, dealer)
    if known and not former:
        return "duplicate", f"{dealer} has passed before"
    if dealers.find(dealer) is None or dealer not in asked.rfq.dealers:
        return "break", f"{dealer} was not asked"
    row = _row(asked, dealer, received_at, QuoteState.PASSED, at)
    row.reason = text[:300]
    # Whoever passes does not stand by what it quoted before.
    answered = rounds.withdraw(asked, former, text or "passed", at=at)
    for quote in former:
        quote.withdraw(at=at, reason=text or "passed")
    _add(work, asked, row, at=at)
    body = {"quote": wire.quote(row, asked.one.order.amount_type)}
    inquiry.record(work, asked, "rfq_pass", body, also=(row, *former, *answered), at=at)
    passed = {quote.dealer_id for quote in asked.quotes if quote.status == QuoteState.PASSED}
    if asked.rfq.status == RfqStatus.QUOTING and passed >= set(asked.rfq.dealers):
        ending.dry(work, asked, by=work.by, at=at)
    return "applied", ""


def _withdrawn(work: Unit, asked: Inquiry, report: QuoteCancel, at: datetime) -> Applied:
    quote = asked.find(report.quote_id)
    if quote is None or quote.status not in QUOTE_OPEN:
        # A quote that was hit is with its dealer: only an execution report decides it.
        return "noted", "no such open quote"
    answered = rounds.withdraw(asked, [quote], report.text, at=at)
    quote.withdraw(at=at, reason=report.text)
    _wake(asked, at)
    body = {"quote": wire.quote(quote, asked.one.order.amount_type), "reason": report.text}
    inquiry.record(work, asked, "rfq_quote_withdraw", body, also=(quote, *answered), at=at)
    work.ring("orders.tasks.quote")
    return "applied", ""


def _row(
    asked: Inquiry,
    dealer: str,
    received_at: datetime,
    status: QuoteState,
    closed_at: datetime | None,
) -> Quote:
    return Quote(
        id=ids.prefixed("qt"),
        organization_id=asked.rfq.organization_id,
        rfq_id=asked.rfq.id,
        dealer_id=dealer,
        quoted_at=received_at,
        received_at=received_at,
        status=status.value,
        closed_at=closed_at,
    )


def _add(work: Unit, asked: Inquiry, row: Quote, *, at: datetime) -> None:
    work.add(row)
    asked.quotes.append(row)
    if asked.rfq.status == RfqStatus.SENT:
        asked.rfq.open()
    _wake(asked, at)
    work.ring("orders.tasks.quote")


def _wake(asked: Inquiry, at: datetime) -> None:
    """Have the sweep look at what has changed: at once for criteria, else at the next expiry."""
    rfq = asked.rfq
    if not rfq.is_open or rfq.status == RfqStatus.EXECUTING:
        return
    rfq.wake_at = asked.next_due() if rfq.execution_order_id is None else at
