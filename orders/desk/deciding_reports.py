"""A second person's word on a reported trade that was held: it counts now, or never."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.rows import LedgerRow
from oms_site.kit.errors import Forbidden, NotFound, OmsError, refuse
from orders import breaks, execution, terms, tree
from orders.desk import external, reported_ids, trade_dates
from orders.desk.external import TradeReport
from orders.models import Execution, ExecutionOrder, HeldReport, ReportedTrade
from orders.tree import Tree

RELEASE = "order.release"


def decide_report(
    report_id: str,
    *,
    approve: bool,
    note: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> tuple[HeldReport, Execution | None]:
    """Let a held report count, or refuse it. Emits `external_trade_report_decision`.

    What was traded before its execution order ended counts all the same, as a fill after the end
    does: with a break (C06). It keeps the day and the time of the report. Raises `NotFound`;
    not_entitled, self_approval (403); already_decided, or what speaks against the trade by now
    (409, 422): then it stays held.
    """
    by.require(RELEASE)
    if not note.strip():
        raise OmsError("annotation_required", "Say why.", field="annotation")
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.check()
        mine = HeldReport.objects.filter(pk=report_id, organization_id=by.organization_id)
        order_id = mine.values_list("order_id", flat=True).first()
        if order_id is None:
            raise NotFound("external trade report")
        one = tree.lock(work, [order_id])[order_id]
        held = work.lock(HeldReport, [report_id])[report_id]
        claim = work.lock(ReportedTrade, [report_id]).get(report_id)
        _check(held, by)
        held.decide(approve=approve, by_id=by.user_id, at=at, note=note)
        row = next(r for r in one.execution_orders if r.id == held.execution_order_id)
        report, told_at = msgspec.convert(held.report, TradeReport), held.requested_at
        ended, moved = row.is_terminal, list[LedgerRow]([held])
        if approve:
            _check_trade(one, row, report, told_at=told_at)
        elif claim is not None:
            claim.refuse()
            moved.append(claim)
        named = external.naming(one, row, held.id, report)
        body: dict[str, Any] = {**named, "approved": approve, "annotation": note}
        execution.record(
            work,
            one,
            "external_trade_report_decision",
            body,
            msg_type=MsgType.SYSTEM_UPDATE,
            also=moved,
            by=actor,
            at=at,
        )
        if not approve:
            return held, None
        if claim is None:  # it was held before ids of reports were kept
            claim = reported_ids.claim(row, report, held.exec_id, report_id=held.id, at=told_at)
            work.add(claim)
        fill = external.book(work, one, row, report, claim, named, told_at=told_at, at=at)
        if ended:
            _tell_price(work, one, row, fill, at=at)
        return held, fill


def _check_trade(one: Tree, row: ExecutionOrder, report: TradeReport, *, told_at: datetime) -> None:
    """Against the order as it is; once that has ended only against the day of the report."""
    if not row.is_terminal:
        external.check(one, row, report, told_at=told_at)
    else:
        refuse(trade_dates.faults(report, one.order, told_at=told_at))


def _tell_price(
    work: unit.Unit, one: Tree, row: ExecutionOrder, fill: Execution, *, at: datetime
) -> None:
    """Terms may have changed before the end: a trade outside them is a fact with a break (D43)."""
    if not terms.worse_limit(one.order.side, row.limit_price, fill.price):
        return
    fault = f"price {fill.price:f}, limit {row.limit_price:f}"
    breaks.open(
        work,
        kind="outside_terms",
        key=f"{row.id}/{fill.exec_id}",
        evidence={"exec_id": fill.exec_id, "execution_order_id": row.id, "faults": [fault]},
        organization_id=one.order.organization_id,
        order_id=one.order.id,
        at=at,
    )


def _check(held: HeldReport, by: Principal) -> None:
    if held.status != HeldReport.Status.HELD:
        raise OmsError("already_decided", f"It is {held.status} already.", status=409)
    if held.requested_by_id == by.user_id:
        raise Forbidden("self_approval", "Who reported a trade may not approve it.")
