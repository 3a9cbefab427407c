"""Execution orders on request: a trader takes a staged order to market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controls.models import Screening
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError
from orders import clearances, execution, rescreen, sor, tree
from orders.execution import Issue
from orders.models import ExecutionOrder
from orders.requests import Instruction, fingerprint
from orders.rfq import instructing


@dataclass(slots=True)
class ExecuteResult:
    """The execution order made, or the refusal; `replayed` when the id had made it before."""

    execution_order_id: str
    row: ExecutionOrder | None = None
    error: OmsError | None = None
    replayed: bool = False


def execute(
    order_id: str,
    instruction: Instruction,
    *,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> ExecuteResult:
    """Make one execution order. Raises `NotFound` when the caller cannot see the order.

    Emits `execution_order_request`, then `execution_order_create` or `execution_order_reject`.
    A client id used before answers with what it made then, or 409 when the content differs.
    """
    by.require("order.route")
    if instruction.suppress_pmp_check:
        by.require("pmp.suppress")
    actor, mark = actors.person(by, correlation_id), fingerprint(instruction)
    if instruction.protocol == "limit_order_book":
        sor.look([order_id])
    with unit.work(by=actor, at=at) as work:
        generation.enter()
        one = tree.lock(work, [order_id], organization_id=by.organization_id).get(order_id)
        if one is None:
            raise NotFound("order")
        known = _known(by.organization_id, instruction.client_execution_order_id)
        if known is not None:
            return _replay(known, order_id, mark)
        result = ExecuteResult(ids.prefixed("eo"))
        named = {
            **execution.naming(one),
            "execution_order_id": result.execution_order_id,
            "client_execution_order_id": instruction.client_execution_order_id,
        }
        kept: tuple[Screening, ...] = ()
        asked = {"protocol": instruction.protocol, "strategy": instruction.strategy}
        _say(work, one, "execution_order_request", {**named, **asked}, at)
        try:
            plan = instructing.prepare(work, one, instruction, at=at)
            execution.check(one, instruction, at=at)
            clearance = clearances.of([one.order]).get(order_id)
            if clearance is None:
                raise OmsError("not_cleared", "The order has not passed its controls.", status=409)
            part = rescreen.Part(result.execution_order_id, one.order, instruction, by)
            looked = rescreen.at_execution([part], at=at)[part.key]
            kept = rescreen.evidence(looked)
            if looked.refused:
                raise looked.error()
        except OmsError as refusal:
            result.error = refusal
            body = {**named, "code": refusal.code, "reason": refusal.message}
            work.add(*kept)
            _say(work, one, "execution_order_reject", body, at, also=kept)
            return result
        issue = Issue(
            instruction, "request", fingerprint=mark, id=result.execution_order_id, evidence=kept
        )
        (result.row,) = execution.issue(work, one, [issue], clearance=clearance, by=actor, at=at)
        instructing.carry_out(work, one, result.row, plan, by=actor, at=at)
    return result


def _say(
    work: unit.Unit,
    one: tree.Tree,
    event: str,
    body: dict[str, Any],
    at: datetime,
    also: Sequence[Screening] = (),
) -> None:
    execution.record(
        work, one, event, body, msg_type=MsgType.SYSTEM_UPDATE, also=also, by=work.by, at=at
    )


def _known(organization_id: str, client_id: str | None) -> ExecutionOrder | None:
    if client_id is None:
        return None
    return ExecutionOrder.objects.filter(
        organization_id=organization_id, client_execution_order_id=client_id
    ).first()


def _replay(known: ExecutionOrder, order_id: str, mark: str) -> ExecuteResult:
    # Made from instructions on the order, it has no fingerprint: the id alone cannot be reused.
    if known.order_id == order_id and known.fingerprint == mark:
        return ExecuteResult(known.id, row=known, replayed=True)
    return ExecuteResult(
        known.id,
        error=OmsError(
            "idempotency_conflict",
            "This client_execution_order_id belongs to an execution order with other content.",
            field="client_execution_order_id",
            status=409,
        ),
    )
