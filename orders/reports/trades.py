"""Shares that moved: trades, busts and corrections, each applied exactly once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
from django.db.models import Q

from oms_site.journal.models import MsgType
from orders import aftermath, breaks, closing, execution, fills, remainders
from orders.models import Execution, ExecutionOrder
from orders.reports import resending
from orders.reports.batch import Applied, Batch, Found
from orders.rfq import outcomes
from orders.states import OrderStatus, Pending
from orders.tree import Tree
from venues.messages import ExecType, ExecutionReport


def apply(batch: Batch, found: Found, report: ExecutionReport, *, received_at: datetime) -> Applied:
    """Apply a report that moves shares. Its ExecID(17) is remembered for ever."""
    if report.exec_type == ExecType.TRADE:
        return _trade(batch, found, report, received_at)
    return _take_back(batch, found, report, received_at)


def hides_a_trade(found: Found, report: ExecutionReport) -> bool:
    """Whether a report of another kind also tells of shares (FIX EX.I.1.b does so)."""
    last = report.last_qty
    return bool(last and report.last_px and report.cum_qty == found[2].cum_qty + last)


def apply_hidden(
    batch: Batch, found: Found, report: ExecutionReport, *, received_at: datetime
) -> None:
    """Apply the trade that a report of another kind tells of."""
    trade = msgspec.structs.replace(report, exec_type=ExecType.TRADE)
    _trade(batch, found, trade, received_at)


def _trade(batch: Batch, found: Found, report: ExecutionReport, received_at: datetime) -> Applied:
    if not report.last_qty or not report.last_px:
        return _odd(batch, found, report, "a trade without quantity or price")
    child = found[2]
    content = (child.id, report.last_qty, report.last_px)
    duplicate = _duplicate(batch, found, report, content)
    if duplicate is not None:
        return duplicate
    _move(batch, found, report, report.last_qty, report.last_px, received_at)
    _settle(batch, found)
    aftermath.compare(batch.work, found[0], found[1], report, at=batch.at)
    _compare(batch, found, report)
    return "applied", ""


def _duplicate(
    batch: Batch, found: Found, report: ExecutionReport, content: tuple[str, Decimal, Decimal]
) -> Applied | None:
    key = (report.trade_date, report.exec_id)
    known = batch.seen.get(key)
    if known is None:
        # An order has an ExecID once, however many days it works for (FIX, tag 17).
        day = batch.days.setdefault((content[0], report.exec_id), report.trade_date)
        if day != report.trade_date:
            return _odd(batch, found, report, f"ExecID {report.exec_id} came before for {day}")
        batch.seen[key] = content
        return None
    if known == content:
        return "duplicate", f"ExecID {report.exec_id} is applied already"
    return _odd(batch, found, report, f"ExecID {report.exec_id} came before with other content")


def _move(
    batch: Batch,
    found: Found,
    report: ExecutionReport,
    qty: Decimal,
    price: Decimal,
    received_at: datetime,
    *,
    kind: str = Execution.Kind.TRADE,
    exec_id: str = "",
) -> None:
    one, row, child = found
    was_canceling = one.order.pending == Pending.CANCEL
    row_was_canceling = row.pending == Pending.CANCEL and not was_canceling
    fill = fills.make(
        one,
        row,
        source=batch.venue_id,
        exec_id=exec_id or report.exec_id,
        exec_ref_id=report.exec_ref_id,
        qty=qty,
        price=price,
        trade_date=report.trade_date,
        executed_at=report.transact_time,
        received_at=received_at,
        venue_order=child,
        kind=kind,
    )
    was_in_doubt, child.in_doubt = child.in_doubt, False
    fills.apply(batch.work, one, row, fill, venue_order=child, by=batch.work.by, at=batch.at)
    batch.filled[one.order.id] = one
    if was_in_doubt and not child.is_terminal:
        # What was missing has come; whether the venue still works it, only the venue knows.
        resending.ask_status(batch.work, one, child, at=batch.at)
    if qty > 0:
        outcomes.traded(batch.work, one, row, child, at=batch.at)
    if was_canceling and one.order.status == OrderStatus.FILLED:
        _too_late(batch, one, "cancel_reject")
    if row.status == OrderStatus.FILLED:
        if row_was_canceling:
            _too_late(batch, one, "execution_order_cancel_reject", row)
        # A cancel or the end of the day still holds for what no venue was working.
        closing.follow_up(batch.work, one, row, by=batch.work.by, at=batch.at)
    aftermath.unexpected(batch.work, one, row, fill, at=batch.at)


def _take_back(
    batch: Batch, found: Found, report: ExecutionReport, received_at: datetime
) -> Applied:
    """A bust takes the referred shares back; a correction also books the corrected ones."""
    key = (report.trade_date, report.exec_id)
    if key in batch.seen:
        return "duplicate", f"ExecID {report.exec_id} is applied already"
    original = _referred(batch, found, report)
    if original is None:
        why = f"ExecRefID {report.exec_ref_id} is unknown, or taken back already"
        return _odd(batch, found, report, why)
    batch.seen[key] = (found[2].id, -original.qty, original.price)
    busted = -original.qty
    _move(batch, found, report, busted, original.price, received_at, kind=Execution.Kind.BUST)
    if report.exec_type == ExecType.TRADE_CORRECT and report.last_qty and report.last_px:
        _move(
            batch,
            found,
            report,
            report.last_qty,
            report.last_px,
            received_at,
            kind=Execution.Kind.CORRECTION,
            exec_id=f"{report.exec_id}+",
        )
    _stop_what_is_over(batch, found)
    _settle(batch, found)
    _open(batch, found[0], "bust", report.exec_id, {"exec_ref_id": report.exec_ref_id})
    return "applied", ""


def _settle(batch: Batch, found: Found) -> None:
    """Shares may have ended this venue order, or a bust what was reopened: who has the rest?"""
    one, row, child = found
    if child.is_terminal and not row.is_terminal:
        remainders.settle(batch.work, one, row, by=batch.work.by, at=batch.at)
        remainders.give_up(batch.work, one, row, by=batch.work.by, at=batch.at)


def _stop_what_is_over(batch: Batch, found: Found) -> None:
    """A bust may have a venue work again for an execution order that is over: ask it to stop."""
    one, row, child = found
    if row.is_terminal and not child.is_terminal and child.pending != Pending.CANCEL:
        execution.request_cancel(batch.work, one, child, at=batch.at)
        body = {**execution.naming(one, row), "pending": Pending.CANCEL.value}
        execution.record(
            batch.work,
            one,
            "venue_cancel_request",
            {**body, "reason": f"it was busted after its execution order was {row.status}"},
            msg_type=MsgType.INTERNAL,
            also=(child,),
            by=batch.work.by,
            at=batch.at,
        )


def _referred(batch: Batch, found: Found, report: ExecutionReport) -> Execution | None:
    """The execution that a bust or correction refers to; corrections chain to the latest (19).

    None when there is none, or when it has been taken back: nothing is taken back twice.
    """
    pending = [fill for fill in batch.work.added(Execution) if fill.venue_order_id == found[2].id]
    stored = Execution.objects.filter(source=batch.venue_id, venue_order_id=found[2].id)
    names = {report.exec_ref_id, f"{report.exec_ref_id}+"}
    about = [*stored.filter(Q(exec_id__in=names) | Q(exec_ref_id__in=names)), *pending]
    if any(fill.qty < 0 and fill.exec_ref_id in names for fill in about):
        return None
    live = [fill for fill in about if fill.qty > 0 and fill.exec_id in names]
    return live[-1] if live else None


def _compare(batch: Batch, found: Found, report: ExecutionReport) -> None:
    """The venue's own tally must agree with ours before it is trusted (H04)."""
    if report.cum_qty != found[2].cum_qty:
        doubt(batch, found, report)


def doubt(batch: Batch, found: Found, report: ExecutionReport) -> None:
    """Ours and theirs differ: keep ours, mark it, ask, and open a break."""
    one, _, child = found
    child.in_doubt = True
    batch.say(found, "venue_in_doubt", f"venue cum {report.cum_qty}, ours {child.cum_qty}")
    _open(
        batch,
        one,
        "cum_qty_mismatch",
        f"{batch.venue_id}/{child.id}",
        {"venue_cum_qty": str(report.cum_qty), "cum_qty": str(child.cum_qty)},
    )
    if report.exec_type != ExecType.ORDER_STATUS:
        resending.ask_status(batch.work, one, child, at=batch.at)


def _odd(batch: Batch, found: Found, report: ExecutionReport, why: str) -> Applied:
    _open(batch, found[0], "exec_id_conflict", f"{batch.venue_id}/{report.exec_id}", {"why": why})
    return "break", why


def _open(batch: Batch, one: Tree, kind: str, key: str, evidence: dict[str, str]) -> None:
    breaks.open(
        batch.work,
        kind=kind,
        key=key,
        evidence=evidence,
        at=batch.at,
        organization_id=one.order.organization_id,
        order_id=one.order.id,
    )


def _too_late(batch: Batch, one: Tree, event: str, row: ExecutionOrder | None = None) -> None:
    """A full fill beat the cancel: the client's request was too late (CxlRejReason 102=0)."""
    asked = closing.named((row or one.order).cancel_request_id)
    execution.record(
        batch.work,
        one,
        event,
        {**execution.naming(one, row), **asked, "code": 0, "reason": "Too late: it is filled."},
        msg_type=MsgType.SYSTEM_UPDATE,
        by=batch.work.by,
        at=batch.at,
    )
