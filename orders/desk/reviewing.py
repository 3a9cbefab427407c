"""Decisions on flagged orders: other persons release or refuse, after a last look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from controls import decided, reviews
from controls.models import Review
from controls.states import ReviewStatus
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.rows import LedgerFact, LedgerRow
from oms_site.journal.unit import Unit
from oms_site.kit import expecting, ids
from oms_site.kit.errors import NotFound, OmsError
from orders import execution, held, render, rescreen, rulesets, tickets, tree
from orders.replacing import released
from orders.rescreen import Looked
from orders.revisions import rows
from orders.revisions.rows import Asked
from orders.states import OrderStatus, ReplaceStatus
from orders.tree import Tree
from venues import instruments


@dataclass(slots=True)
class Decision:
    """What became of a decision: the order as JSON, or the refusal its failure event carries."""

    decision_id: str
    body: bytes = b""
    error: OmsError | None = None
    approvals: int = 0
    approvals_required: int = 1


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person says: yes or no, why, and which version of the order they looked at."""

    approve: bool
    annotation: str
    client_decision_id: str = ""
    subject_version: int | None = None
    # (reason code, annotation) by control id; "" is for every other control.
    reasons: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def decide(
    order_id: str,
    *,
    approve: bool,
    annotation: str,
    client_decision_id: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
    subject_version: int | None = None,
    reasons: Mapping[str, tuple[str, str]] | None = None,
) -> Decision:
    """Approve or reject a flagged order. Raises `NotFound` when the caller cannot see it.

    Emits `manual_approve_request` (or `_reject_`), then `approve`, `reject`, `review_approval`
    while more persons are needed, or `manual_…_fail` with its reason. The same client id decides
    once and answers the same again; with other content 409 `idempotency_conflict`.
    """
    ruling = Ruling(approve, annotation, client_decision_id, subject_version, reasons or {})
    if approve:
        tickets.renew_prices([order_id], by=by)

    def say() -> Decision:
        return _decide(order_id, ruling, by=by, at=at, correlation_id=correlation_id)

    def known() -> bool:
        return decided.is_known(client_decision_id, approve=approve, by=by)

    try:
        return expecting.unless_known(say, known=known)
    except IntegrityError as clash:
        if decided.ONCE not in str(clash):
            raise
    # Somebody else has given the id to another decision a moment ago: now it is there to be found.
    return expecting.unless_known(say, known=known)


def _decide(
    order_id: str, ruling: Ruling, *, by: Principal, at: datetime, correlation_id: str
) -> Decision:
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        generation.enter()
        one = tree.lock(work, [order_id], organization_id=by.organization_id).get(order_id)
        if one is None:
            raise NotFound("order")
        review = held.review_of(work, order_id)
        before = decided.before(
            ruling.client_decision_id,
            approve=ruling.approve,
            subject=order_id,
            subject_version=ruling.subject_version,
            annotation=ruling.annotation,
            reasons=ruling.reasons,
            by=by,
        )
        if before is not None:
            return _answer(before.id, one, before.review)
        return _decided(work, one, review, ruling, by=by, at=at)


def _decided(
    work: Unit, one: Tree, review: Review | None, ruling: Ruling, *, by: Principal, at: datetime
) -> Decision:
    word = "approve" if ruling.approve else "reject"
    decision_id = ids.prefixed("ma" if ruling.approve else "mr")
    named = {
        "order_id": one.order.id,
        "client_order_id": one.order.client_order_id,
        f"manual_{word}_id": decision_id,
        f"client_manual_{word}_id": ruling.client_decision_id or None,
        "annotation": ruling.annotation,
    }
    _say(work, one, f"manual_{word}_request", named, at)
    failing: list[dict[str, Any]] = []
    try:
        if review is None:
            raise OmsError(
                "order_not_pending_approval", "The order is not held for review.", status=409
            )
        asked = rows.outstanding(work, one.order)
        looked = _look(one, asked, approve=ruling.approve, at=at)
        failing = looked.verdict.failed_controls() if looked and looked.refused else []
        if failing:
            assert looked is not None
            raise OmsError("recheck_failed", looked.verdict.reject_reason, status=409)
        facts = reviews.decide(
            review,
            approve=ruling.approve,
            by=by,
            decision_id=decision_id,
            client_decision_id=ruling.client_decision_id,
            annotation=ruling.annotation,
            subject_version=ruling.subject_version,
            reasons=ruling.reasons,
            author_id=one.order.submitted_by_id,
            at=at,
        )
    except OmsError as refusal:
        body: dict[str, Any] = {**named, "reason": refusal.code, "message": refusal.message}
        if failing:
            body["failed_controls"] = failing
        _say(work, one, f"manual_{word}_fail", body, at)
        return Decision(decision_id, error=refusal)
    evidence = rescreen.evidence(looked) if review.status == ReviewStatus.APPROVED else ()
    moved = (review, *facts, *evidence)
    work.add(*facts, *evidence)
    _settle(work, one, review, moved, approve=ruling.approve, named=named, at=at)
    return _answer(decision_id, one, review)


def _answer(decision_id: str, one: Tree, review: Review) -> Decision:
    return Decision(
        decision_id,
        bytes(render.order_json(one.order)),
        approvals=review.approvals,
        approvals_required=review.approvals_required,
    )


def _say(work: Unit, one: Tree, event: str, body: dict[str, Any], at: datetime) -> None:
    execution.record(work, one, event, body, msg_type=MsgType.SYSTEM_UPDATE, by=work.by, at=at)


def _look(one: Tree, asked: Asked | None, *, approve: bool, at: datetime) -> Looked | None:
    """It must still be waiting; a release looks once more at every control that rejects."""
    order = one.order
    if asked is not None and asked.row.status == ReplaceStatus.REVIEW:
        return released.look(order, asked, at=at) if approve else None
    if order.status != OrderStatus.PENDING_APPROVAL:
        raise OmsError("order_not_pending_approval", f"The order is {order.status}.", status=409)
    if not approve:
        return None
    if at >= order.expires_at:
        raise OmsError("market_closed", "The order's session is over.", status=409)
    (looked,) = rescreen.at_release([order], at=at)
    return looked


def _settle(
    work: Unit,
    one: Tree,
    review: Review,
    moved: tuple[LedgerRow | LedgerFact, ...],
    *,
    approve: bool,
    named: dict[str, Any],
    at: datetime,
) -> None:
    order, by = one.order, work.by
    if review.status == ReviewStatus.OPEN:
        body = {
            **named,
            "review_id": review.id,
            "approvals": review.approvals,
            "approvals_required": review.approvals_required,
        }
        execution.record(
            work, one, "review_approval", body, msg_type=MsgType.INTERNAL, also=moved, by=by, at=at
        )
        return
    asked = rows.outstanding(work, order)
    if asked is not None and asked.row.status == ReplaceStatus.REVIEW:
        released.settle(work, one, asked, review, moved, approve=approve, named=named, at=at)
        return
    if approve:
        route_at = rulesets.due_at(order, instruments.by_id(order.instrument_id))
        order.approve(at=at, route_at=route_at)
        execution.record(work, one, "approve", named, also=moved, by=by, at=at)
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
    execution.record(work, one, "reject", body, also=moved, by=by, at=at)


def claim(
    review_id: str, *, by: Principal, at: datetime, take_over: bool = False, give_back: bool = False
) -> Review:
    """Claim a review for five minutes, or give it back. Raises as `controls.reviews.claim`."""
    with unit.work(by=actors.person(by), at=at) as work:
        review = work.lock(Review, [review_id]).get(review_id)
        if review is None:
            raise NotFound("review")
        if give_back:
            reviews.release(review, by=by, at=at)
        else:
            reviews.claim(review, by=by, at=at, take_over=take_over)
        event = "review_unclaim" if give_back else "review_claim"
        body = {
            "order_id": review.subject,
            "review_id": review.id,
            "claimed_by": None if give_back else by.username,
            "claimed_until": review.claimed_until,
        }
        work.record(review, event, body=body, order_id=review.subject)
    return review
