"""Decisions on flagged orders: a second person releases or refuses, after a last look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allocations import accounts
from controls import reviews, screening
from controls.models import Review
from controls.states import Outcome
from controls.ticket import Ticket
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError
from orders import execution, held, render, rulesets, terms, tickets, tree
from orders.models import Order
from orders.states import OrderStatus
from orders.tree import Tree
from venues import instruments


@dataclass(slots=True)
class Decision:
    """What became of a decision: the order as JSON, or the refusal its failure event carries."""

    decision_id: str
    body: bytes = b""
    error: OmsError | None = None


def decide(
    order_id: str,
    *,
    approve: bool,
    annotation: str,
    client_decision_id: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> Decision:
    """Approve or reject a flagged order. Raises `NotFound` when the caller cannot see it.

    Emits `manual_approve_request` (or `_reject_`), then `approve`, `reject` or `manual_…_fail`
    with its reason. The same client id decides once and answers the same again.
    """
    word = "approve" if approve else "reject"
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.check()
        one = tree.lock(work, [order_id], organization_id=by.organization_id).get(order_id)
        if one is None:
            raise NotFound("order")
        review = held.review_of(work, order_id)
        if review is not None and _same(review, client_decision_id, approve):
            return Decision(review.decision_id, bytes(render.order_json(one.order)))
        decision = Decision(ids.prefixed("ma" if approve else "mr"))
        named = {
            "order_id": order_id,
            "client_order_id": one.order.client_order_id,
            f"manual_{word}_id": decision.decision_id,
            f"client_manual_{word}_id": client_decision_id or None,
            "annotation": annotation,
        }
        _say(work, one, f"manual_{word}_request", named, at)
        try:
            if review is None:
                raise OmsError(
                    "order_not_pending_approval", "The order is not held for review.", status=409
                )
            _check_order(one, approve=approve, at=at)
            reviews.decide(
                review,
                approve=approve,
                by=by,
                decision_id=decision.decision_id,
                client_decision_id=client_decision_id,
                annotation=annotation,
                at=at,
            )
        except OmsError as refusal:
            decision.error = refusal
            body = {**named, "reason": refusal.code, "message": refusal.message}
            _say(work, one, f"manual_{word}_fail", body, at)
            return decision
        _settle(work, one, review, approve=approve, by=actor, named=named, at=at)
        decision.body = bytes(render.order_json(one.order))
    return decision


def _same(review: Review, client_decision_id: str, approve: bool) -> bool:
    decided_so = review.status == ("approved" if approve else "rejected")
    return (
        bool(client_decision_id)
        and decided_so
        and (review.client_decision_id == client_decision_id)
    )


def _say(work: Unit, one: Tree, event: str, body: dict[str, Any], at: datetime) -> None:
    execution.record(work, one, event, body, msg_type=MsgType.SYSTEM_UPDATE, by=work.by, at=at)


def _check_order(one: Tree, *, approve: bool, at: datetime) -> None:
    """The order must still be waiting; a release looks once more at every control that rejects."""
    order = one.order
    if order.status != OrderStatus.PENDING_APPROVAL:
        raise OmsError("order_not_pending_approval", f"The order is {order.status}.", status=409)
    if not approve:
        return
    if at >= order.expires_at:
        raise OmsError("market_closed", "The order's session is over.", status=409)
    (verdict,) = screening.screen([_ticket(order, at)], at=at)
    if verdict.outcome == Outcome.REJECTED:
        raise OmsError("recheck_failed", verdict.reject_reason, status=409)


def _ticket(order: Order, at: datetime) -> Ticket:
    facts = instruments.by_id(order.instrument_id)
    names = (
        [order.account_id]
        if order.account_id
        else [a.account_id for a in order.allocation.accounts.all()]
        if order.allocation is not None
        else []
    )
    found = [accounts.find_account(order.organization_id, name) for name in names]
    maker = User.objects.get(pk=order.submitted_by_id)
    phase, *_ = terms.session_of(facts, order.extended_hours, at)
    return tickets.ticket(
        instrument=facts,
        accounts=tuple(account for account in found if account is not None),
        order_id=order.id,
        principal=principals.of_user(maker, via="recheck"),
        side=order.side,
        ord_type=order.ord_type,
        qty=order.order_qty,
        limit_price=order.limit_price,
        extended_hours=order.extended_hours,
        phase=phase,
        session_close=order.expires_at,
        economics=order.economics,
        alike=0,
        at=at,
    )


def _settle(
    work: Unit,
    one: Tree,
    review: Review,
    *,
    approve: bool,
    by: actors.Actor,
    named: dict[str, Any],
    at: datetime,
) -> None:
    order = one.order
    if approve:
        route_at = rulesets.due_at(order, instruments.by_id(order.instrument_id))
        order.approve(at=at, route_at=route_at)
        execution.record(work, one, "approve", named, also=(review,), by=by, at=at)
        if route_at is not None and route_at <= at:
            work.ring("orders.tasks.route")
        return
    reason = named["annotation"] or "Rejected in review."
    order.reject(at=at, rejected_by="reviewer", code="rejected_in_review", reason=reason)
    body = {
        **named,
        "code": "rejected_in_review",
        "reason": reason,
        "rejected_by": "reviewer",
        "failed_controls": review.failed_controls,
    }
    execution.record(work, one, "reject", body, also=(review,), by=by, at=at)
