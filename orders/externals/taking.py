"""Reports of orders that nobody here sent, kept inside the unit that applies them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders import breaks
from orders.externals import claims, folding
from orders.externals.telling import tell
from orders.models import ExternalFill, ExternalOrder
from venues import messages
from venues.messages import CancelReject, ExecType, ExecutionReport, Side

KIND = "unknown_order"
_MOVES = frozenset({ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT})
_SIDES: dict[Side, str] = {"1": "buy", "2": "sell"}
_Verdict = tuple[str, str]


def take(
    work: Unit, venue_id: str, report: messages.OrderReport, *, received_at: datetime, at: datetime
) -> _Verdict:
    """Keep one report. Returns its verdict and a note for the inbox."""
    row = None if isinstance(report, CancelReject) else _row(work, venue_id, report)
    if isinstance(report, CancelReject):
        _ask(work, venue_id, report, at)
        return "break", f"no venue order {report.cl_ord_id}"
    is_new = row is None
    row = row or _open(work, venue_id, report, at)
    made = _fills(work, row, report, received_at)
    if made is None:
        _ask(work, venue_id, report, at, key=f"{venue_id}/{report.cl_ord_id}/{report.exec_id}")
        return "break", f"ExecID {report.exec_id} of an external order does not fit"
    if is_new or made:
        _ask(work, venue_id, report, at)
    if made:
        _move(work, row, report, made, at)
    elif row.ord_status != report.ord_status:
        row.note(ord_status=report.ord_status, at=at)
        tell(work, row, "external_order_note", at=at, ord_status=row.ord_status)
    return "suspense", f"external order {row.id}"


def _ask(
    work: Unit, venue_id: str, report: messages.OrderReport, at: datetime, *, key: str = ""
) -> None:
    """Open the break that somebody has to explain."""
    organization_id, _ = claims.find(venue_id, report.cl_ord_id)
    breaks.open(
        work,
        kind=KIND,
        key=(key or f"{venue_id}/{report.cl_ord_id}")[:120],
        evidence={"venue_id": venue_id, "report": messages.encode(report).decode()},
        at=at,
        organization_id=organization_id,
    )


def _move(
    work: Unit, row: ExternalOrder, report: ExecutionReport, made: list[ExternalFill], at: datetime
) -> None:
    moved = folding.total(made)
    row.report(ord_status=report.ord_status, moved=moved, fills=len(made), at=at)
    work.add(*made)
    told: dict[str, Any] = {"fills": len(made), "cum_amount": row.cum_qty}
    tell(work, row, "external_order_report", at=at, also=made, **told)


def _row(work: Unit, venue_id: str, report: ExecutionReport) -> ExternalOrder | None:
    names = [name for name in (report.cl_ord_id, report.orig_cl_ord_id) if name]
    mine: list[ExternalOrder] = work.added(ExternalOrder)
    for row in mine:
        if row.venue_id == venue_id and row.cl_ord_id in names:
            return row
    rows = ExternalOrder.objects.filter(venue_id=venue_id, cl_ord_id__in=names)
    found = work.lock(ExternalOrder, rows.values_list("id", flat=True))
    return next(iter(found.values()), None)


def _open(
    work: Unit,
    venue_id: str,
    report: ExecutionReport,
    at: datetime,
) -> ExternalOrder:
    organization_id, desk = claims.find(venue_id, report.cl_ord_id)
    row = ExternalOrder(
        id=ids.prefixed("xo"),
        organization_id=organization_id,
        venue_id=venue_id,
        cl_ord_id=report.cl_ord_id,
        venue_order_id=report.order_id[:60],
        desk=desk,
        security_id=report.security_id[:40],
        side=_SIDES[report.side],
        order_qty=report.order_qty,
        created_at=at,
        ord_status=report.ord_status,
        last_report_at=at,
    )
    work.add(row)
    told: dict[str, Any] = {
        "side": row.side,
        "amount": row.order_qty,
        "security_id": row.security_id,
    }
    tell(work, row, "external_order_open", at=at, **told)
    return row


def _fills(
    work: Unit, row: ExternalOrder, report: ExecutionReport, received_at: datetime
) -> list[ExternalFill] | None:
    """The fills that a report tells of, none when it moves nothing or is known; None: no sense."""
    if report.exec_type not in _MOVES:
        return []
    before = folding.told(work, row)
    known = [one for one in before if one.exec_id == report.exec_id]
    if any(one.trade_date == report.trade_date for one in known):
        return []
    told = report.last_qty is not None and report.last_px is not None
    if report.exec_type == ExecType.TRADE:
        if not told:
            return None
        assert report.last_qty is not None
        assert report.last_px is not None
        return [_fill(row, report, 1, report.last_qty, report.last_px, received_at)]
    names = {report.exec_ref_id, f"{report.exec_ref_id}+"}
    standing = [one for one in folding.standing(before) if one.qty > 0 and one.exec_id in names]
    if not standing:
        return None
    was = standing[-1]
    made = [_fill(row, report, 1, -was.qty, was.price, received_at)]
    if report.exec_type == ExecType.TRADE_CORRECT and told:
        assert report.last_qty is not None
        assert report.last_px is not None
        corrected = _fill(row, report, 2, report.last_qty, report.last_px, received_at)
        corrected.exec_id = f"{report.exec_id}+"
        made.append(corrected)
    return made


def _fill(
    row: ExternalOrder,
    report: ExecutionReport,
    number: int,
    qty: Decimal,
    price: Decimal,
    received_at: datetime,
) -> ExternalFill:
    return ExternalFill(
        id=ids.prefixed("xf"),
        organization_id=row.organization_id,
        external=row,
        venue_id=row.venue_id,
        exec_id=report.exec_id,
        exec_ref_id=report.exec_ref_id,
        sequence=row.fills_made + number,
        qty=qty,
        price=price,
        trade_date=report.trade_date,
        executed_at=report.transact_time,
        received_at=received_at,
        body=messages.encode(report).decode(),
    )
