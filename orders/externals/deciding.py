"""Two people say whose an external order is: adopted into an order of ours, or disowned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit.errors import NotFound, OmsError
from orders import aftermath, breaks, fills, tree
from orders.external_states import ExternalStatus
from orders.externals import folding
from orders.externals.taking import KIND
from orders.externals.telling import tell
from orders.models import Break, ExecutionOrder, ExternalFill, ExternalOrder
from orders.tree import Tree
from venues import instruments


def propose(
    external_id: str,
    *,
    execution_order_id: str,
    reason: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> ExternalOrder:
    """Say which external execution order of ours it is; without one, that it is nobody's here.

    Raises `NotFound`, `OmsError` (409 `already_decided`, `not_external`, `exceeds_open_quantity`;
    422 `explanation_required`, `instrument_differs`, `side_differs`).
    """
    if not reason.strip():
        raise OmsError("explanation_required", "Say why.", field="reason")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        generation.check()
        row, one = _held(work, external_id, by, execution_order_id)
        if one is not None:
            _fits(
                row, one, _named(one, execution_order_id), folding.waiting(folding.told(work, row))
            )
        row.propose(
            order_id=one.order.id if one else "",
            execution_order_id=execution_order_id if one else "",
            reason=reason.strip(),
            user_id=by.user_id,
            at=at,
        )
        told: dict[str, Any] = {
            "order_id": row.order_id,
            "execution_order_id": row.execution_order_id,
            "disowns": row.disowns,
            "reason": row.reason,
        }
        tell(work, row, "external_order_propose", at=at, **told)
    return row


def decide(
    external_id: str,
    *,
    agree: bool,
    by: Principal,
    at: datetime,
    version: int | None = None,
    correlation_id: str = "",
) -> ExternalOrder:
    """Adopt or disown what another person proposed, or send it back.

    `version` is the one that this person has read; without it, the latest is meant. Raises
    `NotFound`, `OmsError` (409 `not_proposed`, `proposal_changed`; 403 `same_person`; and those of
    `propose` when the order has changed since).
    """
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.check()
        rows = ExternalOrder.objects.filter(id=external_id)
        named = rows.values_list("execution_order_id", flat=True).first() or ""
        row, one = _held(work, external_id, by, named)
        # The order that is to take it is locked before it: another may have been named meanwhile.
        if row.execution_order_id != named or version not in (None, row.version):
            raise OmsError("proposal_changed", "It has changed since: look again.", status=409)
        if row.status != ExternalStatus.PROPOSED:
            raise OmsError("not_proposed", "Nobody has said whose it is yet.", status=409)
        if row.proposed_by_id == by.user_id:
            raise OmsError("same_person", "Another person has to agree.", status=403)
        if not agree:
            row.refuse()
            tell(work, row, "external_order_refuse", at=at)
        elif one is None or row.disowns:
            row.disown(user_id=by.user_id, at=at)
            tell(work, row, "external_order_disown", at=at, reason=row.reason)
        else:
            _adopt(work, row, one, by=actor, at=at)
        if agree:
            _explain(work, row, by, at)
    return row


def _adopt(work: Unit, row: ExternalOrder, one: Tree, *, by: Actor, at: datetime) -> None:
    child = _named(one, row.execution_order_id)
    waiting = folding.waiting(folding.told(work, row))
    _fits(row, one, child, waiting)
    row.adopt(user_id=by.user_id, at=at)
    made = []
    for told in waiting:
        fill = fills.make(
            one,
            child,
            source=row.venue_id,
            exec_id=told.exec_id,
            exec_ref_id=told.exec_ref_id,
            kind=folding.kind_of(told, waiting),
            qty=told.qty,
            price=told.price,
            trade_date=told.trade_date,
            executed_at=told.executed_at,
            received_at=told.received_at,
        )
        fills.apply(work, one, child, fill, by=by, at=at, extra={"external_order_id": row.id})
        made.append(fill.id)
    facts: dict[str, Any] = {
        "order_id": row.order_id,
        "execution_order_id": row.execution_order_id,
        "executions": made,
    }
    tell(work, row, "external_order_adopt", at=at, **facts)
    if made:
        aftermath.follow(work, {one.order.id: one}, at=at)


def _fits(
    row: ExternalOrder, one: Tree, child: ExecutionOrder, waiting: Sequence[ExternalFill]
) -> None:
    qty = folding.total(waiting)
    if child.protocol != "external":
        raise OmsError("not_external", "This execution order is worked at a venue.", status=409)
    if instruments.by_id(one.order.instrument_id).cusip != row.security_id:
        raise OmsError("instrument_differs", f"The venue traded {row.security_id}.")
    if one.order.side != row.side:
        raise OmsError("side_differs", f"The venue's order is to {row.side}.")
    if qty > 0 and (child.is_terminal or qty > child.leaves_qty):
        left = Decimal(0) if child.is_terminal else child.leaves_qty
        raise OmsError("exceeds_open_quantity", f"Only {left:f} is still open.", status=409)


def _named(one: Tree, execution_order_id: str) -> ExecutionOrder:
    return next(row for row in one.execution_orders if row.id == execution_order_id)


def _held(
    work: Unit, external_id: str, by: Principal, execution_order_id: str
) -> tuple[ExternalOrder, Tree | None]:
    """The external order and the tree that it is to join, locked in the order of the reports."""
    by.require(breaks.RESOLVE)
    one = None
    if execution_order_id:
        rows = ExecutionOrder.objects.filter(
            id=execution_order_id, organization_id=by.organization_id
        )
        order_id = rows.values_list("order_id", flat=True).first()
        if order_id is None:
            raise NotFound("execution order")
        one = tree.lock(work, [order_id], organization_id=by.organization_id)[order_id]
    row = work.lock(ExternalOrder, [external_id]).get(external_id)
    if row is None or row.organization_id != by.organization_id:
        raise NotFound("external order")
    if row.status in (ExternalStatus.ADOPTED, ExternalStatus.DISOWNED):
        raise OmsError("already_decided", f"It is {row.status}.", status=409)
    return row, one


def _explain(work: Unit, row: ExternalOrder, by: Principal, at: datetime) -> None:
    """Close the break of this order by an adjusting entry of the same two people."""
    key = f"{row.venue_id}/{row.cl_ord_id}"[:120]
    rows = Break.objects.filter(
        organization_id=row.organization_id, kind=KIND, key=key, closed_at=None
    )
    assert row.proposed_by_id is not None
    for held in work.lock(Break, rows.values_list("id", flat=True)).values():
        breaks.explain(
            work,
            held,
            reason_code=Break.Reason.THEIRS if row.disowns else Break.Reason.OURS,
            text=row.reason,
            made_by_id=row.proposed_by_id,
            approved_by_id=by.user_id,
            evidence={"external_order_id": row.id, "order_id": row.order_id},
            at=at,
        )
