"""Submission: resolve, screen and record a batch of order requests in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from django.db import IntegrityError, OperationalError

from allocations import engine
from controls import overrides, reviews
from controls.models import Screening
from controls.states import Outcome
from controls.ticket import Ticket
from oms_site.firm import database, generation
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from oms_site.kit.errors import Detail, OmsError
from orders import costs, grouping, notional, render, rulesets, start_of_day
from orders.desk import drafts, dropping, replays
from orders.desk.draft import Draft
from orders.desk.promised import Promised
from orders.models import NotionalPart
from orders.requests import Result, SubmitRequest
from venues.market_data import evaluated

_system = actors.system("desk")


def submit(requests: Sequence[SubmitRequest]) -> list[Result]:
    """Submit orders. Each answers for itself: a refused one changes nothing and harms no other.

    Controls that reject or flag are no errors: the order exists and says so.
    """
    evaluated.look(one.ask.instrument_id for one in requests)
    try:
        return _submit(requests)
    except IntegrityError as clash:
        if len(requests) > 1:
            # Someone else used one of the ids meanwhile: let each find out alone.
            return [submit([request])[0] for request in requests]
        if replays.is_of_a_twin(clash):
            # Its twin has just been committed by another process: this is a replay of it.
            return _submit(requests)
        return [Result(error=replays.refusal_of(clash, [request.ask for request in requests]))]
    except OperationalError as circle:
        if not database.deadlocked(circle):
            raise
        # All of it is undone for certain, and whoever won is there by now: each once more, alone.
        if len(requests) > 1:
            return [submit([request])[0] for request in requests]
        return _submit(requests)


def preview(request: SubmitRequest) -> dict[str, object]:
    """What would become of the request; nothing is created. Raises `OmsError` as submit refuses."""
    generation.check()
    evaluated.look([request.ask.instrument_id])
    groups = grouping.enter([request], locked=False)
    grouping.check(request, groups)
    draft = drafts.make(request)
    Promised([request]).claim(request)
    drafts.screen([draft], locked=False, groups=groups)
    assert draft.verdict is not None
    assert draft.ticket is not None
    return {
        "outcome": draft.verdict.outcome,
        "failed_controls": draft.verdict.failed_controls(),
        "notional": draft.ticket.notional,
        "cash_needed": _cash_needed(draft.ticket),
        "route": rulesets.choose(draft.order, draft.terms.instrument).wire(),
        "eligible_at": draft.terms.eligible_at,
        "expires_at": draft.terms.expires_at,
        "quantity": draft.order.order_qty,
        "money": notional.view(draft.terms.money),
        "rejected_accounts": [
            {"account_id": one.account_id, "code": one.code, "reason": one.reason}
            for one in (draft.refused.accounts if draft.refused else ())
        ],
    }


def _cash_needed(ticket: Ticket) -> dict[str, object] | None:
    """What a buy costs if it is filled at its limit, or now at market; None of a sell."""
    if ticket.side != "buy" or ticket.notional is None:
        return None
    cost = costs.of_ticket(ticket, ticket.order_qty)
    return {
        "principal": ticket.notional,
        "accrued_interest": cost.accrued_interest,
        "fees": cost.fees,
        "total": ticket.notional + cost.total,
    }


def submit_together(
    work: Unit, requests: Sequence[SubmitRequest], mark: Callable[[int, Draft], None]
) -> list[tuple[str, bytes]]:
    """Submit orders that stand or fall together, in the caller's unit: id and JSON of each.

    `mark` completes each draft before it is screened. Raises the first `OmsError`.
    """
    owner = requests[0].principal.organization_id
    held = start_of_day.holds({owner}, at=work.at)
    if owner in held:
        raise held[owner]
    groups, promised = grouping.enter(requests), Promised(requests)
    made: list[Draft] = []
    for n, request in enumerate(requests):
        try:
            grouping.check(request, groups)
            made.append(drafts.make(request))
            promised.claim(request)
            mark(n, made[-1])
        except OmsError as refusal:
            raise _of_line(n, refusal) from None
    drafts.screen(made, work=work, groups=groups)
    found = []
    for request, draft in zip(requests, made, strict=True):
        found.append((draft.order.id, _record(work, draft)))
        replays.remember(work, request, draft.order.id)
    return found


def _of_line(n: int, refusal: OmsError) -> OmsError:
    """A refusal that says which of several orders it is about."""
    details = [
        one
        if one.field.startswith("orders[")
        else Detail(f"orders[{n}].{one.field}", one.code, one.message)
        for one in refusal.details
    ]
    return OmsError(refusal.code, refusal.message, status=refusal.status, details=details)


def _submit(requests: Sequence[SubmitRequest]) -> list[Result]:
    with unit.work(by=_system, at=clock.now()) as work:
        results, fresh = replays.enter(requests)
        owners = {requests[n].principal.organization_id for n in fresh}
        held = start_of_day.holds(owners, at=work.at)
        groups = grouping.enter(requests[n] for n in fresh)
        promised = Promised(requests[n] for n in fresh)
        made: list[tuple[int, Draft]] = []
        for n in fresh:
            try:
                if requests[n].principal.organization_id in held:
                    raise held[requests[n].principal.organization_id]
                grouping.check(requests[n], groups)
                draft = drafts.make(requests[n])
                promised.claim(requests[n])
                made.append((n, draft))
            except OmsError as refusal:
                results[n].error = refusal
        drafts.screen([draft for _, draft in made], work=work, groups=groups)
        for n, draft in made:
            results[n].order_id = draft.order.id
            results[n].body = _record(work, draft)
            replays.remember(work, requests[n], draft.order.id)
    replays.answer_twins(requests, results)
    return results


def _record(work: Unit, draft: Draft) -> bytes:
    order, request, facts = draft.order, draft.request, draft.terms.instrument
    by = actors.person(request.principal, request.correlation_id)
    named: dict[str, Any] = {"order_id": order.id, "client_order_id": order.client_order_id}
    if draft.terms.ask.allocation is not None:
        order.allocation_id = ids.prefixed("al")
    work.add(order)
    money = _keep_money(work, draft)
    work.record(
        order,
        "request",
        msg_type=MsgType.ORDER_UPDATE,
        body={**named, "money": notional.view(money)} if money else named,
        order=render.order_json(order, facts),
        order_id=order.id,
        also=money,
        at=order.created_at,
        by=by,
    )
    if order.allocation_id is not None:
        _create_allocation(work, draft)
    return bytes(_apply_verdict(work, draft, named))


def _keep_money(work: Unit, draft: Draft) -> list[NotionalPart]:
    """What an order in money came to; nothing for any other order."""
    if not draft.terms.money:
        return []
    order, facts = draft.order, draft.terms.instrument
    return notional.rows(
        work,
        draft.terms.money,
        organization_id=order.organization_id,
        order_id=order.id,
        account_ids=[account.id for account in draft.terms.accounts],
        currency=facts.currency,
        at=order.created_at,
    )


def _create_allocation(work: Unit, draft: Draft) -> None:
    order, asked = draft.order, draft.terms.ask.allocation
    assert asked is not None
    allocation = engine.create(
        work,
        allocation_id=order.allocation_id,
        organization_id=order.organization_id,
        order_id=order.id,
        strategy=asked.strategy,
        client_allocation_id=asked.client_allocation_id,
        instrument_id=order.instrument_id,
        custodian_id=order.custodian_id,
        side=order.side,
        requested=[
            engine.Requested(account.id, ask.qty, ask.client_account_allocation_id)
            for account, ask in zip(draft.terms.accounts, asked.accounts, strict=True)
        ],
        implicit=False,
        amount_type=order.amount_type,
        order=render.order_json(order, draft.terms.instrument),
        at=order.created_at,
    )
    dropping.record(work, draft, allocation)


def _apply_verdict(work: Unit, draft: Draft, named: dict[str, Any]) -> msgspec.Raw:
    order, verdict, facts = draft.order, draft.verdict, draft.terms.instrument
    assert verdict is not None
    assert draft.ticket is not None
    at = clock.now()
    if warnings := verdict.warnings():
        named = {**named, "warnings": warnings}
    row = verdict.row(draft.ticket)
    work.add(row)
    order.screening_id = row.id
    if draft.override and verdict.outcome != Outcome.REJECTED and verdict.overridden():
        overrides.use(work, draft.override, order_id=order.id, at=at)
    if verdict.outcome == Outcome.PASSED:
        event, body = "approve", named
        route_at = rulesets.due_at(order, facts)
        order.approve(at=at, route_at=route_at)
        if route_at is not None and route_at <= at:
            work.ring("orders.tasks.route")
    elif verdict.outcome == Outcome.FLAGGED:
        return _flag(work, draft, row, named)
    else:
        event = "reject"
        body = {
            **named,
            "code": verdict.reject_code,
            "reason": verdict.reject_reason,
            "rejected_by": "control",
            "failed_controls": verdict.failed_controls(),
        }
        order.reject(
            at=at,
            rejected_by="control",
            code=verdict.reject_code,
            reason=verdict.reject_reason,
        )
    image = render.order_json(order, facts)
    work.record(
        order,
        event,
        msg_type=MsgType.ORDER_UPDATE,
        body=body,
        order=image,
        order_id=order.id,
        also=(row,),
        at=at,
    )
    return image


def _flag(work: Unit, draft: Draft, row: Screening, named: dict[str, Any]) -> msgspec.Raw:
    order, verdict = draft.order, draft.verdict
    assert verdict is not None
    failed = verdict.failed_controls()
    review = reviews.open(
        work,
        screening=row,
        failed_controls=failed,
        maker_id=order.submitted_by_id,
        deadline_at=order.expires_at,
        organization_id=order.organization_id,
        at=clock.now(),
    )
    image = render.order_json(order, draft.terms.instrument)
    work.record(
        order,
        "flagged_for_review",
        msg_type=MsgType.ORDER_UPDATE,
        body={**named, "review_id": review.id, "failed_controls": failed},
        order=image,
        order_id=order.id,
        also=(row, review),
    )
    return image
