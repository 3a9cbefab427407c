"""Reports about replaced terms: accepted, refused, given back, or proven by another report."""

from __future__ import annotations

from orders import breaks, execution
from orders.replacing import answers
from orders.reports import resending, trades
from orders.reports.batch import MOVES, Applied, Batch, Found
from orders.states import Pending
from venues.messages import CancelReject, ExecType, ExecutionReport, OrdStatus

_TOO_LATE, _UNKNOWN, _PENDING, _DUPLICATE_ID = 0, 1, 3, 6  # CxlRejReason(102)
CANCELS_MOST = 3
# Said under the new ClOrdID, these prove that the venue has taken the new terms.
_PROOFS = {*MOVES, ExecType.ORDER_STATUS, ExecType.CANCELED, ExecType.EXPIRED, ExecType.RESTATED}


def replaced(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
    """ExecType 5: the new terms are in force, with the quantity that the venue says."""
    known = answers.leg_of(batch.work, report.cl_ord_id)
    if known is None or known[1].emulated:
        return _strange(batch, found, report)
    asked, leg = known
    taken = answers.accepted(
        batch.work,
        found,
        asked,
        leg,
        qty=report.order_qty,
        text=report.text,
        by=batch.work.by,
        at=batch.at,
    )
    if report.cum_qty > found[2].cum_qty:
        # A venue may tell of a fill in its answer alone: ask, never guess at what price.
        trades.doubt(batch, found, report)
    _send_waiting_cancel(batch, found)
    return ("applied", "") if taken else ("duplicate", "it is replaced already")


def infer(batch: Batch, found: Found, report: ExecutionReport) -> None:
    """Whoever trades under the new ClOrdID has replaced it: its own word is late or lost."""
    if report.exec_type not in _PROOFS or report.order_id == "NONE":
        return
    named = report.cl_ord_id
    if report.exec_type in (ExecType.CANCELED, ExecType.EXPIRED) and report.orig_cl_ord_id:
        named = report.orig_cl_ord_id
    known = answers.leg_of(batch.work, named)
    if known is not None and not known[1].emulated and known[1].status != "replaced":
        asked, leg = known
        answers.accepted(
            batch.work,
            found,
            asked,
            leg,
            qty=report.order_qty,
            text="proven by a later report",
            by=batch.work.by,
            at=batch.at,
        )


def refused(batch: Batch, found: Found, report: CancelReject) -> Applied | None:
    """OrderCancelReject(9) to a replace, or to the cancel that stands for one; else None."""
    known = answers.leg_of(batch.work, report.cl_ord_id)
    if known is None:
        return None
    asked, leg = known
    if not leg.is_open or report.cxl_rej_reason == _DUPLICATE_ID:
        return "noted", "no such replace is pending"
    one, _, child = found
    code = answers.TOO_LATE if report.cxl_rej_reason == _TOO_LATE else "venue_rejected"
    answers.refused(
        batch.work,
        found,
        asked,
        leg,
        code=code,
        text=report.text or f"The venue refused (CxlRejReason {report.cxl_rej_reason}).",
        by=batch.work.by,
        at=batch.at,
    )
    _send_waiting_cancel(batch, found)
    if not child.is_terminal:
        resending.ask_status(batch.work, one, child, at=batch.at)
    return "applied", ""


def given_back(batch: Batch, found: Found, leg_id: str) -> bool:
    """Whether its cancel was the first half of a replacement, and the second half is sent."""
    known = answers.leg_of(batch.work, leg_id) if leg_id else None
    if known is None or not known[1].emulated:
        return False
    return answers.given_back(batch.work, found, *known, by=batch.work.by, at=batch.at)


def ended(batch: Batch, found: Found, leg_id: str, how: str) -> None:
    """It ended before it was replaced; one that stood for another leaves its quantity staged."""
    if leg_id:
        answers.ended(batch.work, found, leg_id, how=how, by=batch.work.by, at=batch.at)
    one, row, child = found
    if how == "reject" and answers.is_successor(child):
        breaks.open(
            batch.work,
            kind="replacement_refused",
            key=child.id,
            evidence={"execution_order_id": row.id, "venue_id": child.venue_id, "text": child.text},
            at=batch.at,
            organization_id=one.order.organization_id,
            order_id=one.order.id,
        )


def cancel_again(batch: Batch, found: Found, report: CancelReject) -> bool:
    """Ask once more to cancel, a few times: the venue knows it under another id, or is busy.

    A venue that is busy with a replacement is asked when it has answered that.
    """
    one, _, child = found
    again = report.cxl_rej_reason in (_UNKNOWN, _PENDING) and report.ord_status not in (
        OrdStatus.FILLED,
        OrdStatus.CANCELED,
        OrdStatus.EXPIRED,
    )
    moved = report.orig_cl_ord_id != child.current_cl_ord_id or bool(child.replace_cl_ord_id)
    if not again or not moved or child.is_terminal or child.cancels_sent >= CANCELS_MOST:
        return False
    if child.replace_cl_ord_id and report.cxl_rej_reason == _PENDING:
        child.cancel_cl_ord_id = ""
    else:
        execution.request_cancel(batch.work, one, child, at=batch.at)
    batch.say(found, "venue_cancel_reject", report.text)
    return True


def _send_waiting_cancel(batch: Batch, found: Found) -> None:
    one, _, child = found
    waits = child.pending == Pending.CANCEL and not child.cancel_cl_ord_id
    if waits and not child.is_terminal:
        execution.request_cancel(batch.work, one, child, at=batch.at)
        batch.say(found, "venue_cancel_request_again", "the replacement is answered")


def _strange(batch: Batch, found: Found, report: ExecutionReport) -> Applied:
    child = found[2]
    breaks.open(
        batch.work,
        kind="unknown_replace",
        key=f"{batch.venue_id}/{child.id}/{report.cl_ord_id}",
        evidence={"cl_ord_id": report.cl_ord_id, "venue_qty": str(report.order_qty)},
        at=batch.at,
        organization_id=child.organization_id,
        order_id=child.order_id,
    )
    return "break", f"nobody asked for {report.cl_ord_id}"
