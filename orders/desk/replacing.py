"""Requests to change orders' terms: every attempt is kept, what may be goes through the gate first.

Nothing is sent before the new terms have passed their controls, and nothing of the order moves
before every venue that works it has answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from controls import reviews
from controls.models import Review, Screening
from controls.states import Outcome
from oms_site.firm import generation, policies
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import expecting, ids
from oms_site.kit.errors import NotFound, OmsError
from orders import execution, fitness, held, render, rescreen, rulesets, tickets, tree
from orders.desk import amendments
from orders.models import Replacement
from orders.replacing import planning, pulling, sending
from orders.requests import AmendRequest, AmendResult, fingerprint
from orders.rescreen import Looked
from orders.revisions import dropping, rows
from orders.states import Amending, OrderStatus, ReplaceStatus
from orders.tree import Tree
from venues import instruments


@dataclass(slots=True)
class _Draft:
    """One request on its way through the batch."""

    one: Tree
    request: AmendRequest
    row: Replacement


def replace(
    requests: Sequence[AmendRequest], *, by: Principal, at: datetime, correlation_id: str = ""
) -> list[AmendResult]:
    """Ask orders to become something else. Raises `NotFound` for one the caller cannot see.

    Each answers for itself: refused, in review, in force at once, or pending at its venues. The
    same `client_amend_id` with the same content answers with what became of it.
    """
    by.require("order.submit")
    tickets.renew_prices((request.order_id for request in requests), by=by)

    def ask() -> list[AmendResult]:
        return _replace(requests, by, at, correlation_id)

    try:
        return expecting.unless_known(ask, known=lambda: _all_known(requests, by))
    except IntegrityError:
        # Somebody else has used one of the ids meanwhile: now it is known.
        return expecting.unless_known(ask, known=lambda: _all_known(requests, by))


def _replace(
    requests: Sequence[AmendRequest], by: Principal, at: datetime, correlation_id: str
) -> list[AmendResult]:
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.enter()
        named = [request.order_id for request in requests]
        trees = tree.lock(work, named, organization_id=by.organization_id)
        if len(trees) < len(set(named)):
            raise NotFound("order")
        results = [AmendResult(request.order_id) for request in requests]
        drafts: list[tuple[int, _Draft]] = []
        for n, request in enumerate(requests):
            known = _replayed(request, by)
            if known is not None:
                results[n] = known
                continue
            draft = _begin(work, trees[request.order_id], request, results[n], by=by, at=at)
            if draft is not None:
                drafts.append((n, draft))
        changes = [rescreen.asked_of(draft.one.order, draft.row, by=by) for _, draft in drafts]
        looked = rescreen.at_replace(changes, at=at)
        for (n, draft), look in zip(drafts, looked, strict=True):
            _judge(work, draft, look, results[n], by=actor, at=at)
    return results


def _all_known(requests: Sequence[AmendRequest], by: Principal) -> bool:
    """Whether each of these was made before under its id, or its id belongs to another one."""
    return all(_replayed(request, by) is not None for request in requests)


def _replayed(request: AmendRequest, by: Principal) -> AmendResult | None:
    """What became of a request that was made before under this id."""
    name = request.ask.client_amend_id
    if name is None:
        return None
    known = Replacement.objects.filter(
        organization_id=by.organization_id, client_amend_id=name
    ).first()
    if known is None:
        return None
    if known.order_id != request.order_id or known.fingerprint != fingerprint(request.ask):
        conflict = OmsError(
            "idempotency_conflict",
            "This client_amend_id belongs to a request with other content.",
            field="client_amend_id",
            status=409,
        )
        return AmendResult(request.order_id, error=conflict)
    result = AmendResult(request.order_id, known.id, str(known.status), known.revision, True)
    if known.status == ReplaceStatus.REJECTED:
        result.error = OmsError(known.code, known.reason, status=409)
    return result


def _begin(
    work: Unit,
    one: Tree,
    request: AmendRequest,
    result: AmendResult,
    *,
    by: Principal,
    at: datetime,
) -> _Draft | None:
    """Note the attempt with what it wants; None when it may not be."""
    order, ask = one.order, request.ask
    wanted = amendments.wanted(order, ask)
    order.revisions_made += 1
    row = Replacement(
        id=ids.prefixed("am"),
        organization_id=order.organization_id,
        order_id=order.id,
        revision=order.revisions_made,
        client_amend_id=ask.client_amend_id,
        fingerprint=fingerprint(ask),
        requested_by_id=by.user_id,
        order_qty=wanted.qty,
        limit_price=wanted.limit_price,
        stop_price=wanted.stop_price,
        was_qty=order.order_qty,
        was_limit_price=order.limit_price,
        was_stop_price=order.stop_price,
        was_cum_qty=order.cum_qty,
        annotation=ask.annotation,
        created_at=at,
    )
    result.request_id, result.revision = row.id, row.revision
    refusal, shares = None, list[list[str]]()
    try:
        if order.flatten_line_id:
            text = "Two people agreed to just this: cancel it, and propose what is left."
            raise OmsError("closes_position", text, status=409)
        policy = policies.pinned(order.organization_id, order.policy_id)
        amendments.check(one, ask, wanted, policy=policy, at=at)
        legs = planning.plan(one, qty=wanted.qty, limit_price=wanted.limit_price, at=at)
        for leg in legs:
            by_protocol = leg.row.protocol
            fitness.refuse_leg(
                leg.child, leg.qty, leg.limit_price, of=order, at=at, protocol=by_protocol
            )
        shares = amendments.shares(work, order, ask, wanted)
    except OmsError as fault:
        refusal = fault
    row.shares = shares
    work.add(row)
    _say(work, one, "replace_request", _asked(one, row), [row], at)
    if refusal is not None:
        _refuse(work, one, row, refusal, result, at=at)
        return None
    rows.remember(work, row)
    return _Draft(one, request, row)


def _judge(
    work: Unit, draft: _Draft, look: Looked, result: AmendResult, *, by: Actor, at: datetime
) -> None:
    """Reject, hold for a second person, or go ahead, as the controls say."""
    one, row = draft.one, draft.row
    evidence = look.row()
    work.add(evidence)
    row.screening_id = evidence.id
    if look.refused:
        refusal = look.error()
        body = {"failed_controls": look.verdict.failed_controls()}
        _refuse(work, one, row, refusal, result, at=at, also=[evidence], more=body)
    elif one.order.status == OrderStatus.PENDING_APPROVAL:
        _restart(work, draft, look, evidence, by=by, at=at)
        result.outcome = "replaced"
    elif look.verdict.outcome == Outcome.FLAGGED:
        _hold(work, draft, look, evidence, at=at)
        result.outcome = "review"
    else:
        body = dropping.naming(one, row)
        _say(work, one, "replace_cleared", body, [row, evidence], at, msg_type=MsgType.INTERNAL)
        result.outcome = pulling.go(work, one, rows.remember(work, row), by=by, at=at)


def _hold(work: Unit, draft: _Draft, look: Looked, evidence: Screening, *, at: datetime) -> None:
    """New terms that were flagged wait for a second person; the old ones as the policy says."""
    one, row, order = draft.one, draft.row, draft.one.order
    policy = policies.pinned(order.organization_id, order.policy_id)
    holds = policy is not None and policy.rules.get("amendment_review") == "hold"
    review = _review(work, draft, look, evidence, at=at)
    row.flag()
    order.request_replace(
        amending=Amending.HELD if holds else Amending.REVIEW,
        qty=row.order_qty,
        price=row.limit_price,
    )
    body = {**dropping.naming(one, row), "review_id": review.id}
    body["failed_controls"] = look.verdict.failed_controls()
    _say(work, one, "replace_flagged_for_review", body, [row, evidence, review], at)


def _restart(
    work: Unit, draft: _Draft, look: Looked, evidence: Screening, *, by: Actor, at: datetime
) -> None:
    """Nothing has left us: the new terms are in force, and it is they that wait for a review."""
    one, row, order = draft.one, draft.row, draft.one.order
    also: list[Any] = [evidence, *held.end_review(work, order.id, reviews.withdraw, at=at)]
    named = {**execution.naming(one), "amend_request_id": row.id}
    _say(
        work,
        one,
        "replace_cleared",
        dropping.naming(one, row),
        [row, *also],
        at,
        msg_type=MsgType.INTERNAL,
    )
    sending.carry_out(work, one, rows.remember(work, row), [], by=by, at=at)
    if look.verdict.outcome == Outcome.FLAGGED:
        review = _review(work, draft, look, evidence, at=at)
        body = {**named, "review_id": review.id, "failed_controls": look.verdict.failed_controls()}
        execution.record(work, one, "flagged_for_review", body, also=[review], by=by, at=at)
        return
    route_at = rulesets.due_at(order, instruments.by_id(order.instrument_id))
    order.approve(at=at, route_at=route_at)
    execution.record(work, one, "approve", execution.naming(one), by=by, at=at)
    if route_at is not None and route_at <= at:
        work.ring("orders.tasks.route")


def _review(
    work: Unit, draft: _Draft, look: Looked, evidence: Screening, *, at: datetime
) -> Review:
    order = draft.one.order
    return reviews.open(
        work,
        screening=evidence,
        failed_controls=look.verdict.failed_controls(),
        maker_id=draft.row.requested_by_id,
        deadline_at=order.expires_at,
        organization_id=order.organization_id,
        at=at,
    )


def _refuse(
    work: Unit,
    one: Tree,
    row: Replacement,
    refusal: OmsError,
    result: AmendResult,
    *,
    at: datetime,
    also: Sequence[Any] = (),
    more: dict[str, Any] | None = None,
) -> None:
    """The order goes on unchanged, whoever asked is told, and the attempt is kept."""
    row.reject(code=refusal.code, reason=refusal.message, at=at)
    result.outcome, result.error = str(row.status), refusal
    body = {**dropping.naming(one, row), "code": refusal.code, "reason": refusal.message}
    _say(work, one, "replace_reject", {**body, **(more or {})}, [row, *also], at)


def _asked(one: Tree, row: Replacement) -> dict[str, Any]:
    was = one.order
    return {
        **dropping.naming(one, row),
        "amount": render.amount(row.order_qty, was.amount_type),
        "limit_price": row.limit_price,
        "stop_price": row.stop_price,
        "annotation": row.annotation or None,
    }


def _say(
    work: Unit,
    one: Tree,
    event: str,
    body: dict[str, Any],
    also: Sequence[Any],
    at: datetime,
    *,
    msg_type: MsgType = MsgType.SYSTEM_UPDATE,
) -> None:
    execution.record(work, one, event, body, msg_type=msg_type, also=also, by=work.by, at=at)
