"""Execution orders on request: a trader takes a staged order to market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from orders import clearances, custodial, execution, notional, rescreen, sor, tickets, tree
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


@dataclass(slots=True)
class _Line:
    """One request on its way through a batch."""

    n: int
    one: tree.Tree
    instruction: Instruction
    result: ExecuteResult
    plan: instructing.Plan | None = None
    money: notional.Part | None = None
    # What it was asked by: what is made of it may depend on the moment.
    mark: str = ""

    @property
    def named(self) -> dict[str, Any]:
        """The ids that its events carry."""
        return {
            **execution.naming(self.one),
            "execution_order_id": self.result.execution_order_id,
            "client_execution_order_id": self.instruction.client_execution_order_id,
        }


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
    (result,) = execute_all([(order_id, instruction)], by=by, at=at, correlation_id=correlation_id)
    return result


def execute_all(
    asked: Sequence[tuple[str, Instruction]],
    *,
    by: Principal,
    at: datetime,
    list_id: str = "",
    correlation_id: str = "",
) -> list[ExecuteResult]:
    """Make execution orders of many orders at once, each with its own outcome, as `execute` does.

    Their number of queries does not grow with the lines; `list_id` names the inquiries they make.
    Lines of one order are taken one after another, so that none counts what another has taken.
    """
    by.require("order.route")
    if any(instruction.suppress_pmp_check for _, instruction in asked):
        by.require("pmp.suppress")
    booked = [key for key, one in asked if one.protocol == "limit_order_book"]
    # Books are known for a second only: whoever may take a while is asked first.
    tickets.renew_prices((key for key, _ in asked), by=by)
    if booked:
        sor.look(booked)
    results: dict[int, ExecuteResult] = {}
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        generation.enter()
        named = {key for key, _ in asked}
        trees = tree.lock(work, named, organization_id=by.organization_id)
        if len(trees) < len(named):
            raise NotFound("order")
        cleared = clearances.of([one.order for one in trees.values()])
        known = _known(by.organization_id, [one.client_execution_order_id for _, one in asked])
        for wave in _waves(asked):
            lines = []
            for n in wave:
                key, instruction = asked[n]
                former = known.get(instruction.client_execution_order_id or "")
                if former is not None:
                    results[n] = _replay(former, key, fingerprint(instruction))
                    continue
                results[n] = ExecuteResult(ids.prefixed("eo"))
                lines.append(_Line(n, trees[key], instruction, results[n]))
            _make(work, lines, cleared, by=by, at=at, list_id=list_id)
            made = [(line.instruction, line.result.row) for line in lines]
            known |= {i.client_execution_order_id or "": row for i, row in made if row is not None}
            known.pop("", None)
    return [results[n] for n in range(len(asked))]


def _waves(asked: Sequence[tuple[str, Instruction]]) -> list[list[int]]:
    """The places of the lines, so that no wave has two of one order or of one client id."""
    waves: list[list[int]] = []
    taken: list[set[str]] = []
    for n, (key, instruction) in enumerate(asked):
        mine = {key, f"id {instruction.client_execution_order_id or n}"}
        # After the last wave that has any of it: lines of one order stay in their order.
        at = max((w for w, held in enumerate(taken) if held & mine), default=-1) + 1
        if at == len(waves):
            waves.append([])
            taken.append(set())
        waves[at].append(n)
        taken[at] |= mine
    return waves


def _make(
    work: unit.Unit,
    lines: Sequence[_Line],
    cleared: Mapping[str, clearances.Clearance],
    *,
    by: Principal,
    at: datetime,
    list_id: str,
) -> None:
    """Check every line, have the controls look at all of them at once, and make what may be."""
    fit = []
    for line in lines:
        kind = {"protocol": line.instruction.protocol, "strategy": line.instruction.strategy}
        _say(work, line.one, "execution_order_request", {**line.named, **kind}, at)
        line.mark = fingerprint(line.instruction)
        try:
            line.instruction, line.money = custodial.resolved(line.one.order, line.instruction)
            line.plan = instructing.prepare(work, line.one, line.instruction, at=at)
            execution.check(line.one, line.instruction, at=at)
            if line.one.order.id not in cleared:
                raise clearances.why_not(line.one.order)
        except OmsError as refusal:
            _refuse(work, line, refusal, at=at)
            continue
        fit.append(line)
    parts = [
        rescreen.Part(line.result.execution_order_id, line.one.order, line.instruction, by)
        for line in fit
    ]
    looked = rescreen.at_execution(parts, at=at)
    for line in fit:
        look = looked[line.result.execution_order_id]
        kept = rescreen.evidence(look)
        if look.refused:
            work.add(*kept)
            _refuse(work, line, look.error(), at=at, also=kept)
            continue
        issue = Issue(
            line.instruction,
            "request",
            fingerprint=line.mark,
            id=line.result.execution_order_id,
            evidence=kept,
            money=line.money,
        )
        one, clearance = line.one, cleared[line.one.order.id]
        (row,) = execution.issue(work, one, [issue], clearance=clearance, by=work.by, at=at)
        line.result.row = row
        plan = line.plan
        instructing.carry_out(work, one, row, plan, by=work.by, at=at, list_id=list_id)


def _refuse(
    work: unit.Unit,
    line: _Line,
    refusal: OmsError,
    *,
    at: datetime,
    also: Sequence[Screening] = (),
) -> None:
    line.result.error = refusal
    body = {**line.named, "code": refusal.code, "reason": refusal.message}
    _say(work, line.one, "execution_order_reject", body, at, also=also)


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


def _known(organization_id: str, named: Sequence[str | None]) -> dict[str, ExecutionOrder]:
    wanted = [name for name in named if name]
    if not wanted:
        return {}
    rows = ExecutionOrder.objects.filter(
        organization_id=organization_id, client_execution_order_id__in=wanted
    )
    return {row.client_execution_order_id or "": row for row in rows}


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
