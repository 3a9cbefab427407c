"""What each kind of report does. Facts of a venue are applied in whatever state we believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orders import breaks, closing, remainders, rerouting
from orders.externals import taking
from orders.reports import replaces, resending, trades
from orders.reports.batch import MOVES, Applied, Batch, Found
from orders.rfq import answers, outcomes
from orders.states import Pending, VenueStatus
from venues import messages
from venues.messages import CancelReject, ExecType, ExecutionReport, OrdStatus

_DUPLICATE_ID = 6  # CxlRejReason(102)
Handler = Callable[[Batch, Found, ExecutionReport], Applied]


def handle(batch: Batch, report: messages.Moving, *, received_at: datetime) -> Applied:
    """Apply one report. Returns its verdict for the inbox."""
    if isinstance(report, messages.QuoteReport):
        return _answer(batch, report, received_at)
    found = batch.find(report.cl_ord_id, report.orig_cl_ord_id)
    if found is None:
        return taking.take(batch.work, batch.venue_id, report, received_at=received_at, at=batch.at)
    if isinstance(report, CancelReject):
        return replaces.refused(batch, found, report) or _cancel_reject(batch, found, report)
    replaces.infer(batch, found, report)
    if report.exec_type in MOVES:
        applied = trades.apply(batch, found, report, received_at=received_at)
        _give_up_rest(batch, found, report)
        return applied
    if trades.hides_a_trade(found, report):
        trades.apply_hidden(batch, found, report, received_at=received_at)
    return _OTHERS[report.exec_type](batch, found, report)


def _give_up_rest(batch: Batch, found: Found, report: ExecutionReport) -> None:
    """A venue that calls it filled works no more of it, also where it had cut the quantity."""
    child = found[2]
    done = report.ord_status == OrdStatus.FILLED and report.cum_qty == child.cum_qty
    if done and not child.is_terminal:
        _ENDINGS[OrdStatus.CANCELED](batch, found, report)


def _answer(batch: Batch, report: messages.QuoteReport, received_at: datetime) -> Applied:
    """What a dealer says to an inquiry."""
    asked = batch.work.notes.get("inquiries", {}).get(report.quote_req_id)
    verdict, note = "break", f"no inquiry {report.quote_req_id}"
    if asked is not None:
        verdict, note = answers.apply(
            batch.work, asked, report, received_at=received_at, at=batch.at
        )
    if verdict == "break":
        breaks.open(
            batch.work,
            kind="unknown_quote",
            key=f"{batch.venue_id}/{report.quote_req_id}/{report.seq}",
            evidence={"why": note, "report": messages.encode(report).decode()},
            at=batch.at,
        )
    return verdict, note


def _acknowledged(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
    child = found[2]
    child.acknowledge(venue_order_id=report.order_id, at=batch.at)
    child.in_doubt = False
    batch.say(found, "venue_acknowledge", report.text)
    return "applied", ""


def _rejected(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
    """A repeated ClOrdID is refused with the status of the order that came first: it works on."""
    if report.ord_status != OrdStatus.REJECTED:
        return "noted", f"refused beside an order that is {report.ord_status}"
    return _ENDINGS[OrdStatus.REJECTED](batch, found, report)


def _restated(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
    """A venue changed the quantity by itself: ours stays what we asked, and a person looks."""
    child = found[2]
    if report.order_qty == child.qty:
        return _noted(batch, found, report)
    breaks.open(
        batch.work,
        kind="quantity_restated",
        key=f"{batch.venue_id}/{child.id}/{report.order_qty}",
        evidence={"venue_qty": str(report.order_qty), "qty": str(child.qty)},
        at=batch.at,
        organization_id=child.organization_id,
        order_id=child.order_id,
    )
    return "break", "the venue restated the quantity"


def _noted(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
    """A report that changes no state of ours: kept in the inbox."""
    return "noted", f"exec_type {report.exec_type}"


def _status(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
    """The answer to a status request; an order that was never received is sent again."""
    child = found[2]
    if report.ord_status == OrdStatus.REJECTED and report.order_id == "NONE":
        return _never_received(batch, found, report)
    if report.cum_qty != child.cum_qty:
        trades.doubt(batch, found, report)
        return "applied", "quantities differ: in doubt"
    close = _ENDINGS.get(report.ord_status)
    if close is not None and not child.is_terminal:
        return close(batch, found, report)
    knows = report.ord_status == OrdStatus.PENDING_REPLACE
    if child.replace_cl_ord_id and not knows and child.pending != Pending.CANCEL:
        # It works on the old terms, and nobody stops it meanwhile.
        resending.replace_again(child)
    if child.in_doubt and child.replace_cl_ord_id:
        # It says what the order is now; the replacement is still the venue's to answer.
        return "noted", "its replacement is not answered"
    return _acknowledged(batch, found, report)


def _never_received(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
    child = found[2]
    if child.status != VenueStatus.PENDING_NEW:
        trades.doubt(batch, found, report)
        return "applied", "the venue denies an order it had: in doubt"
    if found[1].pending in (Pending.CANCEL, Pending.EXPIRE):
        # It was to be stopped, and there is nothing to stop: never send it now.
        return _ENDINGS[OrdStatus.CANCELED](batch, found, report)
    resending.send_again(child)
    return "applied", "never received: sent again"


_AS = {
    "cancel": VenueStatus.CANCELED,
    "reject": VenueStatus.REJECTED,
    "expire": VenueStatus.EXPIRED,
}


def _ended(how: str) -> Handler:
    def end(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
        one, row, child = found
        if child.status == VenueStatus.FILLED and not child.ended:
            child.end_beside_filled(_AS[how], at=batch.at)
            batch.say(found, f"venue_{how}", report.text)
            return "noted", "it is filled; a bust would leave it ended"
        if child.is_terminal:
            return "duplicate", f"already {child.status}"
        if report.cum_qty > child.cum_qty:
            # Shares are missing here: to end it would let them be bought again.
            trades.doubt(batch, found, report)
            return "applied", "it ended with more than we have: in doubt"
        leg_id = child.replace_cl_ord_id
        getattr(child, how)(at=batch.at, text=report.text)
        if how == "cancel" and replaces.given_back(batch, found, leg_id):
            return "applied", "sent anew on its new terms"
        replaces.ended(batch, found, leg_id, how)
        outcomes.refused(batch.work, one, row, child, reason=report.text or how, at=batch.at)
        if not remainders.settle(
            batch.work, one, row, by=batch.work.by, at=batch.at, also=(child,)
        ):
            batch.say(found, f"venue_{how}", report.text)
            _leave_to_others(batch, found)
        return "applied", ""

    return end


def _leave_to_others(batch: Batch, found: Found) -> None:
    """It is over at this venue, and what is left has somebody else."""
    one, row, child = found
    if rerouting.gave_back(child) and rerouting.owes(one, row) > 0:
        batch.work.ring("orders.tasks.reroute")
    remainders.give_up(batch.work, one, row, by=batch.work.by, at=batch.at)


def _cancel_reject(batch: Batch, found: Found, report: CancelReject) -> Applied:
    """The venue would not cancel: too late, or the order lives on and we look what it is now."""
    one, row, child = found
    if child.pending != Pending.CANCEL or report.cl_ord_id != child.cancel_cl_ord_id:
        return "noted", "no such cancel is pending"
    if report.cxl_rej_reason == _DUPLICATE_ID:
        # It went out twice and the venue has it: its real answer is on the way.
        return "noted", "the venue has this cancel already"
    if replaces.cancel_again(batch, found, report):
        return "applied", "the cancel goes out again"
    child.refuse_cancel(at=batch.at, text=report.text)
    batch.say(found, "venue_cancel_reject", report.text)
    closing.give_up_request(
        batch.work,
        one,
        row,
        code=report.cxl_rej_reason,
        reason=report.text or "The venue refused.",
        by=batch.work.by,
        at=batch.at,
    )
    if not child.is_terminal:
        resending.ask_status(batch.work, one, child, at=batch.at)
    return "applied", ""


_ENDINGS: dict[OrdStatus, Handler] = {
    OrdStatus.CANCELED: _ended("cancel"),
    OrdStatus.REJECTED: _ended("reject"),
    OrdStatus.EXPIRED: _ended("expire"),
}
_OTHERS: dict[ExecType, Handler] = {
    ExecType.NEW: _acknowledged,
    ExecType.PENDING_NEW: _acknowledged,
    ExecType.ORDER_STATUS: _status,
    ExecType.CANCELED: _ENDINGS[OrdStatus.CANCELED],
    ExecType.REJECTED: _rejected,
    # All that we send is for the day: done for the day is done.
    ExecType.DONE_FOR_DAY: _ENDINGS[OrdStatus.EXPIRED],
    ExecType.RESTATED: _restated,
    ExecType.REPLACED: replaces.replaced,
    ExecType.EXPIRED: _ENDINGS[OrdStatus.EXPIRED],
    **dict.fromkeys(
        (
            ExecType.PENDING_CANCEL,
            ExecType.PENDING_REPLACE,
            ExecType.STOPPED,
            ExecType.SUSPENDED,
            ExecType.CALCULATED,
        ),
        _noted,
    ),
}
