"""Which report a report is: the client's id for it, and the other side's id for the trade.

Both are keys of their own. The same report again is the same report; one of its ids with anything
else is a conflict, whichever of the two it is.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db.models import Q

from oms_site.kit.errors import OmsError
from orders.models import Execution, ExecutionOrder, HeldReport, ReportedTrade
from orders.requests import fingerprint

LAW = "client_report_id_for_ever"  # two reports of one id, on two orders at the same moment


class _Content(msgspec.Struct):
    execution_order_id: str
    report: Any


def claim(
    row: ExecutionOrder, report: Any, exec_id: str, *, report_id: str, at: datetime
) -> ReportedTrade:
    """The row that makes these ids this report's, not yet recorded."""
    return ReportedTrade(
        id=report_id,
        organization_id=row.organization_id,
        order_id=row.order_id,
        execution_order_id=row.id,
        client_report_id=report.client_id,
        exec_id=exec_id,
        counterparty=report.counterparty,
        fingerprint=_mark(row, report),
        reported_at=at,
    )


def find(row: ExecutionOrder, report: Any, exec_id: str) -> ReportedTrade | None:
    """The very same report, if it was taken before; its order is locked.

    Raises `OmsError` (409 `idempotency_conflict`) when one of its ids is another report's.
    """
    same_trade = Q(order_id=row.order_id, counterparty=report.counterparty, exec_id=exec_id)
    of_client = Q(organization_id=row.organization_id, client_report_id=report.client_id)
    known = ReportedTrade.objects.exclude(standing=ReportedTrade.Standing.REFUSED)
    known = known.filter(same_trade | of_client if report.client_id else same_trade)
    found, mark = list(known.order_by("reported_at", "id")), _mark(row, report)
    for one in found:
        if one.fingerprint != mark:
            raise _conflict(one.client_report_id == report.client_id, one.id, report)
    return found[0] if found else None


def find_older(
    row: ExecutionOrder, report: Any, exec_id: str, *, source: str
) -> Execution | HeldReport | None:
    """The same for reports from before their ids were kept: what they left is compared.

    Then ids named one trade of an organization. Raises as `find`.
    """
    same_trade = Q(exec_id=exec_id, order_id=row.order_id, counterparty=report.counterparty)
    names = Q(exec_id=report.client_id) if report.client_id else Q(pk=None)
    old = Execution.objects.filter(same_trade | names, source=source, reported=None)
    made = old.order_by("id").first()
    if made is not None:
        days = report.trade_date in (None, made.trade_date)
        asked = (row.id, exec_id, report.qty, report.price, report.counterparty)
        did = (made.execution_order_id, made.exec_id, made.qty, made.price, made.counterparty)
        if not days or asked != did:
            raise _conflict(made.exec_id == report.client_id, made.id, report)
        return made
    waiting = HeldReport.objects.filter(
        organization_id=row.organization_id,
        status=HeldReport.Status.HELD,
        exec_id__in={exec_id, report.client_id or exec_id},
    ).exclude(pk__in=ReportedTrade.objects.filter(organization_id=row.organization_id).values("pk"))
    held = waiting.order_by("id").first()
    if held is not None:
        was = msgspec.convert(held.report, type(report))
        if held.execution_order_id != row.id or _plain(was) != _plain(report):
            raise _conflict(held.client_report_id == report.client_id, held.id, report)
    return held


def _mark(row: ExecutionOrder, report: Any) -> str:
    return fingerprint(_Content(row.id, _plain(report)))


def _plain(report: Any) -> Any:
    """The report without the accidents of how it was written."""
    at = report.executed_at
    return dataclasses.replace(
        report,
        qty=report.qty.normalize(),
        price=report.price.normalize(),
        executed_at=None if at is None else at.astimezone(UTC),
    )


def _conflict(is_client_id: bool, known_id: str, report: Any) -> OmsError:
    mine = bool(report.client_id) and (is_client_id or not report.execution_id)
    field = "client_external_trade_report_id" if mine else "execution_id"
    text = f"This {field} belongs to another report, {known_id}."
    return OmsError("idempotency_conflict", text, field=field, status=409)
