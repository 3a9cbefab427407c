"""A second person's word on a reported trade that was held: it counts now, or never."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.kit.errors import Forbidden, NotFound, OmsError
from orders import execution, tree
from orders.desk import external
from orders.desk.external import TradeReport
from orders.models import Execution, HeldReport

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

    Raises `NotFound`; not_entitled, self_approval (403); already_decided, or what speaks against
    the trade by now (409, 422): then it stays held.
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
        _check(held, by)
        held.decide(approve=approve, by_id=by.user_id, at=at, note=note)
        row = next(r for r in one.execution_orders if r.id == held.execution_order_id)
        report = msgspec.convert(held.report, TradeReport)
        if approve:
            external.check(one, row, report, at)
        named = external.naming(one, row, held.id, report)
        body: dict[str, Any] = {**named, "approved": approve, "annotation": note}
        execution.record(
            work,
            one,
            "external_trade_report_decision",
            body,
            msg_type=MsgType.SYSTEM_UPDATE,
            also=(held,),
            by=actor,
            at=at,
        )
        if not approve:
            return held, None
        return held, external.book(work, one, row, report, held.exec_id, named, at=at)


def _check(held: HeldReport, by: Principal) -> None:
    if held.status != HeldReport.Status.HELD:
        raise OmsError("already_decided", f"It is {held.status} already.", status=409)
    if held.requested_by_id == by.user_id:
        raise Forbidden("self_approval", "Who reported a trade may not approve it.")
