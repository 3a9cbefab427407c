"""Trades made elsewhere: reported against an external execution order, checked, then applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import msgspec

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.kit import ids
from oms_site.kit.errors import Detail, NotFound, OmsError, refuse
from orders import aftermath, execution, fills, terms, tree
from orders.desk import holding_reports
from orders.models import Execution, ExecutionOrder, HeldReport
from orders.tree import Tree
from venues import instruments
from venues.calendar import new_york_date


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
    has decided.
    """
    by.require("trade.report")
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.check()
        one = tree.lock(work, [order_id], organization_id=by.organization_id).get(order_id)
        rows = [r for r in one.execution_orders if r.id == execution_order_id] if one else []
        if one is None or not rows:
            raise NotFound("execution order")
        row, result = rows[0], ReportResult(ids.prefixed("xtr"))
        exec_id = report.execution_id or report.client_id or result.report_id
        known = Execution.objects.filter(source=_source(row), exec_id=exec_id).first()
        if known is not None:
            return _replay(known, row, report, result)
        held = holding_reports.known(by.organization_id, exec_id)
        if held is not None:
            return _replay_held(held, row, report, result)
        named = naming(one, row, result.report_id, report)
        _say(work, one, "external_trade_report_request", named, at)
        try:
            check(one, row, report, at)
        except OmsError as refusal:
            result.error = refusal
            body = {**named, "code": refusal.code, "reason": refusal.message}
            _say(work, one, "external_trade_report_reject", body, at)
            return result
        reason = holding_reports.why(one, report.price)
        if reason:
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
            _say(work, one, "external_trade_report_flagged", body, at, also=(result.held,))
            return result
        result.execution = book(work, one, row, report, exec_id, named, at=at)
    return result


def book(
    work: unit.Unit,
    one: Tree,
    row: ExecutionOrder,
    report: TradeReport,
    exec_id: str,
    named: dict[str, object],
    *,
    at: datetime,
) -> Execution:
    """Apply a reported trade that has been checked, with all that follows from a fill."""
    fill = fills.make(
        one,
        row,
        source=_source(row),
        exec_id=exec_id,
        qty=report.qty,
        price=report.price,
        trade_date=report.trade_date or new_york_date(at),
        settlement_date=report.settlement_date,
        executed_at=report.executed_at or at,
        received_at=at,
        counterparty=report.counterparty,
        bypass_trade_booking=report.bypass_trade_booking,
        bypass_street_side_leg=report.bypass_street_side_leg,
    )
    fills.apply(work, one, row, fill, by=work.by, at=at, extra=named)
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
    also: tuple[HeldReport, ...] = (),
) -> None:
    kind = MsgType.SYSTEM_UPDATE
    execution.record(work, one, event, body, msg_type=kind, also=also, by=work.by, at=at)


def check(one: Tree, row: ExecutionOrder, report: TradeReport, at: datetime) -> None:
    """Refuse a trade that does not fit its execution order. Raises `OmsError` with every fault."""
    if row.protocol != "external":
        raise OmsError("not_external", "This execution order is worked at a venue.", status=409)
    if row.is_terminal:
        raise OmsError("execution_order_closed", f"It is {row.status}.", status=409)
    order, faults = one.order, list[Detail]()
    facts = instruments.by_id(order.instrument_id)
    terms.check_size("amount", report.qty, facts, faults)
    if report.qty > row.leaves_qty:
        faults.append(
            Detail("amount", "exceeds_open_quantity", f"Only {row.leaves_qty:f} is still open.")
        )
    if terms.worse_limit(order.side, row.limit_price, report.price):
        faults.append(
            Detail("price", "price_worse_than_limit", "The price is worse than the limit.")
        )
    traded = report.trade_date or new_york_date(at)
    if traded > new_york_date(at):
        faults.append(Detail("trade_date", "trade_date_in_future", "The trade date is to come."))
    if traded < order.trade_date:
        faults.append(
            Detail("trade_date", "trade_date_before_order", "The order is younger than the trade.")
        )
    if report.settlement_date is not None and report.settlement_date < traded:
        faults.append(
            Detail("settlement_date", "settles_before_trade", "It settles before it is traded.")
        )
    refuse(faults)


def _replay(
    known: Execution, row: ExecutionOrder, report: TradeReport, result: ReportResult
) -> ReportResult:
    same = (
        known.execution_order_id == row.id
        and known.qty == report.qty
        and known.price == report.price
    )
    if same:
        result.execution, result.replayed = known, True
    else:
        result.error = _used()
    return result


def _replay_held(
    held: HeldReport, row: ExecutionOrder, report: TradeReport, result: ReportResult
) -> ReportResult:
    was = msgspec.convert(held.report, TradeReport)
    if held.execution_order_id == row.id and (was.qty, was.price) == (report.qty, report.price):
        result.report_id, result.held, result.replayed = held.id, held, True
    else:
        result.error = _used()
    return result


def _used() -> OmsError:
    return OmsError(
        "idempotency_conflict",
        "This trade report id has been used for another trade.",
        field="client_external_trade_report_id",
        status=409,
    )
