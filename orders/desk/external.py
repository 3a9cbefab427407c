"""Trades made elsewhere: reported against an external execution order, checked, then applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.rows import LedgerRow
from oms_site.kit import ids
from oms_site.kit.errors import Detail, NotFound, OmsError, refuse
from orders import aftermath, execution, fills, markups, terms, tree
from orders.desk import holding_reports, reported_ids, trade_dates
from orders.models import Execution, ExecutionOrder, HeldReport, ReportedTrade
from orders.tree import Tree
from venues import instruments


@dataclass(frozen=True, slots=True)
class TradeReport:
    """What a client reports: clean price in percent of par (per share), par or shares."""

    qty: Decimal
    price: Decimal
    trade_date: date | None = None
    settlement_date: date | None = None
    executed_at: datetime | None = None
    execution_id: str | None = None
    client_id: str | None = None
    counterparty: str = ""
    bypass_trade_booking: bool = False
    bypass_street_side_leg: bool = False
    annotation: str = ""


@dataclass(slots=True)
class ReportResult:
    """The execution made, the refusal, or what waits for a second person.

    `replayed` when the client's id had made it before.
    """

    report_id: str
    execution: Execution | None = None
    held: HeldReport | None = None
    error: OmsError | None = None
    replayed: bool = False


def report_trade(
    order_id: str,
    execution_order_id: str,
    report: TradeReport,
    *,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> ReportResult:
    """Apply a trade made off-platform. Raises `NotFound` when the caller cannot see the order.

    Emits `external_trade_report_request`, then `execution`, `external_trade_report_reject`, or,
    far from the market, `external_trade_report_flagged`: then nothing counts until a second person
    has decided. A report that was taken before answers with what it came to.
    """
    by.require("trade.report")
    actor = actors.person(by, correlation_id)
    try:
        return _report(order_id, execution_order_id, report, by=by, actor=actor, at=at)
    except IntegrityError as clash:
        lost = getattr(getattr(clash.__cause__, "diag", None), "constraint_name", "") or ""
        if lost != reported_ids.LAW:
            raise
    # Another order's report took the id at the same moment: now it can be seen.
    return _report(order_id, execution_order_id, report, by=by, actor=actor, at=at)


def _report(
    order_id: str,
    execution_order_id: str,
    report: TradeReport,
    *,
    by: Principal,
    actor: Actor,
    at: datetime,
) -> ReportResult:
    with unit.work(by=actor, at=at) as work:
        generation.check()
        one = tree.lock(work, [order_id], organization_id=by.organization_id).get(order_id)
        rows = [r for r in one.execution_orders if r.id == execution_order_id] if one else []
        if one is None or not rows:
            raise NotFound("execution order")
        row, result = rows[0], ReportResult(ids.prefixed("xtr"))
        exec_id = report.execution_id or report.client_id or result.report_id
        if _known(row, report, exec_id, result):
            return result
        named = naming(one, row, result.report_id, report)
        _say(work, one, "external_trade_report_request", named, at)
        try:
            check(one, row, report, told_at=at)
        except OmsError as refusal:
            result.error = refusal
            body = {**named, "code": refusal.code, "reason": refusal.message}
            _say(work, one, "external_trade_report_reject", body, at)
            return result
        claim = reported_ids.claim(row, report, exec_id, report_id=result.report_id, at=at)
        work.add(claim)
        reason = holding_reports.why(one, report.price)
        if not reason:
            result.execution = book(work, one, row, report, claim, named, told_at=at, at=at)
            return result
        result.held = holding_reports.hold(
            work,
            one,
            row,
            report,
            report_id=result.report_id,
            exec_id=exec_id,
            reason=reason,
            by=by,
            at=at,
        )
        body = {**named, "reason": reason}
        _say(work, one, "external_trade_report_flagged", body, at, also=(result.held, claim))
    return result


def book(
    work: unit.Unit,
    one: Tree,
    row: ExecutionOrder,
    report: TradeReport,
    claim: ReportedTrade,
    named: dict[str, object],
    *,
    told_at: datetime,
    at: datetime,
) -> Execution:
    """Apply a reported trade that has been checked, with all that follows from a fill.

    It was made when the report says, or was told (`told_at`), not when it was decided about.
    """
    days = trade_dates.of(report, instruments.by_id(one.order.instrument_id), told_at=told_at)
    fill = fills.make(
        one,
        row,
        source=_source(row),
        exec_id=claim.exec_id,
        qty=report.qty,
        price=report.price,
        trade_date=days.trade_date,
        settlement_date=days.settlement_date,
        executed_at=days.executed_at,
        received_at=told_at,
        counterparty=report.counterparty,
        bypass_trade_booking=report.bypass_trade_booking,
        bypass_street_side_leg=report.bypass_street_side_leg,
    )
    claim.count(fill.id)
    fills.apply(work, one, row, fill, by=work.by, at=at, extra=named, also=(claim,))
    aftermath.unexpected(work, one, row, fill, at=at)
    aftermath.follow(work, {one.order.id: one}, at=at)
    return fill


def naming(
    one: Tree, row: ExecutionOrder, report_id: str, report: TradeReport
) -> dict[str, object]:
    """The ids that every event of a report carries."""
    return {
        **execution.naming(one, row),
        "external_trade_report_id": report_id,
        "client_external_trade_report_id": report.client_id,
    }


def _source(row: ExecutionOrder) -> str:
    # Two firms may use the same trade ids: an off-platform source is a firm's own.
    return f"external:{row.organization_id}"


def _say(
    work: unit.Unit,
    one: Tree,
    event: str,
    body: dict[str, object],
    at: datetime,
    also: Sequence[LedgerRow] = (),
) -> None:
    kind = MsgType.SYSTEM_UPDATE
    execution.record(work, one, event, body, msg_type=kind, also=also, by=work.by, at=at)


def check(one: Tree, row: ExecutionOrder, report: TradeReport, *, told_at: datetime) -> None:
    """Refuse a trade that does not fit its execution order. Raises `OmsError` with every fault."""
    if row.protocol != "external":
        raise OmsError("not_external", "This execution order is worked at a venue.", status=409)
    if row.is_terminal:
        raise OmsError("execution_order_closed", f"It is {row.status}.", status=409)
    order, faults = one.order, list[Detail]()
    terms.check_size("amount", report.qty, instruments.by_id(order.instrument_id), faults)
    if report.qty > row.leaves_qty:
        faults.append(
            Detail("amount", "exceeds_open_quantity", f"Only {row.leaves_qty:f} is still open.")
        )
    if markups.is_worse(order, row, report.price, qty=report.qty, at=told_at):
        faults.append(
            Detail("price", "price_worse_than_limit", "The price is worse than the limit.")
        )
    refuse([*faults, *trade_dates.faults(report, order, told_at=told_at)])


def _known(row: ExecutionOrder, report: TradeReport, exec_id: str, result: ReportResult) -> bool:
    """Whether one of its ids was seen before; then `result` says what that came to."""
    try:
        claim = reported_ids.find(row, report, exec_id)
        older = None
        if claim is None:
            older = reported_ids.find_older(row, report, exec_id, source=_source(row))
    except OmsError as refusal:
        result.error = refusal
        return True
    if claim is not None:
        result.report_id, result.execution = claim.id, claim.execution
        older = None if claim.execution_id else HeldReport.objects.get(pk=claim.id)
    if isinstance(older, HeldReport):
        result.report_id, result.held = older.id, older
    elif older is not None:
        result.execution = older
    result.replayed = claim is not None or older is not None
    return result.replayed
