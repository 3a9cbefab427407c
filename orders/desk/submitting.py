"""Submission: resolve, screen and record a batch of order requests in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.db import IntegrityError

from allocations import engine
from controls import reviews, screening
from controls.states import Outcome
from oms_site.firm import generation
from oms_site.journal import actors, statements, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from oms_site.kit.errors import OmsError
from orders import render, rulesets, terms, tickets
from orders.models import Order
from orders.requests import SubmitRequest, fingerprint

_system = actors.system("desk")


@dataclass(slots=True)
class Result:
    """What became of a request: the order as JSON, or the refusal; `replayed` if it is old."""

    order_id: str = ""
    body: bytes = b""
    replayed: bool = False
    error: OmsError | None = None
    idempotency_key: str = ""


@dataclass(slots=True)
class _Draft:
    """One request on its way through the batch."""

    request: SubmitRequest
    terms: terms.Terms
    order: Order
    economics: int
    verdict: screening.Verdict | None = None
    ticket: tickets.Ticket | None = None


def submit(requests: Sequence[SubmitRequest]) -> list[Result]:
    """Submit orders. Each answers for itself: a refused one changes nothing and harms no other.

    Controls that reject or flag are no errors: the order exists and says so.
    """
    try:
        return _submit(requests)
    except IntegrityError as clash:
        if len(requests) > 1:
            # Someone else used one of the ids meanwhile: let each find out alone.
            return [submit([request])[0] for request in requests]
        if _constraint_of(clash) == "client_order_id_for_ever":
            # Its twin has just been committed by another process: this is a replay of it.
            return _submit(requests)
        return [Result(error=_refusal_of(clash))]


def preview(request: SubmitRequest) -> dict[str, object]:
    """What would become of the request; nothing is created. Raises `OmsError` as submit refuses."""
    generation.check()
    draft = _draft(request)
    _screen([draft])
    assert draft.verdict is not None
    assert draft.ticket is not None
    return {
        "outcome": draft.verdict.outcome,
        "failed_controls": draft.verdict.failed_controls(),
        "notional": draft.ticket.notional,
        "route": rulesets.choose(draft.order, draft.terms.instrument).wire(),
        "eligible_at": draft.terms.eligible_at,
        "expires_at": draft.terms.expires_at,
    }


def _submit(requests: Sequence[SubmitRequest]) -> list[Result]:
    results = [Result() for _ in requests]
    with unit.work(by=_system, at=clock.now()) as work:
        generation.check()
        fresh = _not_seen_before(requests, results)
        drafts: list[tuple[int, _Draft]] = []
        for n in fresh:
            try:
                drafts.append((n, _draft(requests[n])))
            except OmsError as refusal:
                results[n].error = refusal
        _screen([draft for _, draft in drafts])
        for n, draft in drafts:
            results[n].order_id = draft.order.id
            results[n].body = _record(work, draft)
    for n, original in enumerate(results):
        # A twin inside this very batch answers with the first one's order.
        if original.replayed and not original.body:
            results[n] = _twin(requests, results, n)
    return results


# --- idempotency -----------------------------------------------------------------------------
def _not_seen_before(requests: Sequence[SubmitRequest], results: list[Result]) -> list[int]:
    """Answer what is known already; return the positions of what is new."""
    keys = [(r.principal.organization_id, r.ask.client_order_id) for r in requests]
    named = [key for key in keys if key[1] is not None]
    known = _known(named)
    fresh: list[int] = []
    first: dict[tuple[str, str | None], int] = {}
    for n, (request, key) in enumerate(zip(requests, keys, strict=True)):
        if key[1] is None:
            fresh.append(n)
        elif key in known:
            results[n] = _replay(request, known[key])
        elif key in first:
            results[n].replayed = True
        else:
            first[key] = n
            fresh.append(n)
    return fresh


def _known(named: Sequence[tuple[str, str | None]]) -> dict[tuple[str, str | None], Order]:
    if not named:
        return {}
    rows = Order.objects.filter(
        organization_id__in={o for o, _ in named}, client_order_id__in={c for _, c in named}
    )
    # Hardly ever is one known, and asking for whole rows costs several times as much.
    if not list(rows.values_list("id")):
        return {}
    return {(row.organization_id, row.client_order_id): row for row in rows}


def _replay(request: SubmitRequest, order: Order) -> Result:
    if order.fingerprint != fingerprint(request.ask):
        return Result(error=_conflict(order.id))
    return Result(order_id=order.id, body=bytes(render.order_json(order)), replayed=True)


def _twin(requests: Sequence[SubmitRequest], results: list[Result], n: int) -> Result:
    mine = requests[n]
    for m in range(n):
        other = requests[m]
        same = (
            other.ask.client_order_id == mine.ask.client_order_id
            and other.principal.organization_id == mine.principal.organization_id
        )
        if same:
            if fingerprint(other.ask) != fingerprint(mine.ask):
                return Result(error=_conflict(results[m].order_id))
            if results[m].error is not None:
                return Result(error=results[m].error)
            return Result(results[m].order_id, results[m].body, replayed=True)
    raise AssertionError("a twin has a first")


def _conflict(order_id: str) -> OmsError:
    return OmsError(
        "idempotency_conflict",
        f"This client_order_id belongs to order {order_id}, which has other content.",
        field="client_order_id",
        status=409,
    )


def _constraint_of(clash: IntegrityError) -> str:
    return getattr(getattr(clash.__cause__, "diag", None), "constraint_name", "") or ""


def _refusal_of(clash: IntegrityError) -> OmsError:
    if "client_allocation_id" in _constraint_of(clash):
        return OmsError(
            "idempotency_conflict",
            "This client_allocation_id has been used before.",
            field="allocations.client_allocation_id",
            status=409,
        )
    raise clash


# --- making ----------------------------------------------------------------------------------
def _draft(request: SubmitRequest) -> _Draft:
    at = request.received_at
    resolved = terms.resolve(request, at=at)
    ask = request.ask
    number = tickets.economics(
        organization_id=request.principal.organization_id,
        accounts=tuple(a.id for a in resolved.accounts),
        cusip=resolved.instrument.cusip,
        side=ask.side,
        qty=ask.qty,
        limit_price=ask.limit_price,
    )
    order = statements.fresh(
        Order,
        id=ids.order_id(),
        organization_id=request.principal.organization_id,
        client_order_id=ask.client_order_id,
        fingerprint=fingerprint(ask) if ask.client_order_id else "",
        instrument_id=resolved.instrument.id,
        account_id=resolved.account_id,
        ib_id=resolved.ib_id,
        risk_group_id=resolved.risk_group_id,
        custodian_id=resolved.custodian_id,
        policy_id=resolved.policy.id,
        submitted_by_id=request.principal.user_id,
        amount_type=ask.amount_type,
        order_qty=ask.qty,
        leaves_qty=ask.qty,
        side=ask.side,
        ord_type=ask.ord_type,
        limit_price=ask.limit_price,
        time_in_force=ask.time_in_force,
        extended_hours=ask.extended_hours,
        all_or_none=ask.all_or_none,
        explicit_cancelation_required=ask.explicit_cancelation_required,
        bypass_auto_execution=ask.bypass_auto_execution,
        execution_instructions=[
            rulesets.instruction_json(i, ask.amount_type) for i in ask.instructions
        ],
        fees=list(ask.fees),
        trader_profile=ask.trader_profile,
        annotation=ask.annotation,
        economics=number,
        trade_date=resolved.trade_date,
        eligible_at=resolved.eligible_at,
        expires_at=resolved.expires_at,
        created_at=at,
    )
    return _Draft(request=request, terms=resolved, order=order, economics=number)


def _screen(drafts: Sequence[_Draft]) -> None:
    alike = _recent_alike(drafts)
    for draft in drafts:
        draft.ticket = tickets.of_terms(
            draft.terms,
            order_id=draft.order.id,
            principal=draft.request.principal,
            alike=alike[draft.economics],
            economics=draft.economics,
            at=draft.request.received_at,
        )
        alike[draft.economics] += 1
    at = clock.now()
    gathered = [draft.ticket for draft in drafts if draft.ticket is not None]
    for draft, verdict in zip(drafts, screening.screen(gathered, at=at), strict=True):
        draft.verdict = verdict


def _recent_alike(drafts: Sequence[_Draft]) -> Counter[int]:
    """How many equal orders each draft has had within its organization's window: one query."""
    found: Counter[int] = Counter()
    windows = {d.order.organization_id: 0 for d in drafts}
    for organization in windows:
        windows[organization] = screening.window_for_duplicates(organization) or 0
    widest = max(windows.values(), default=0)
    if not widest:
        return found
    wanted = {d.economics: windows[d.order.organization_id] for d in drafts}
    at = min(d.order.created_at for d in drafts)
    rows = Order.objects.filter(
        economics__in=wanted, created_at__gt=at - timedelta(seconds=widest)
    ).exclude(status="rejected")
    for number, created_at in rows.values_list("economics", "created_at"):
        if created_at > at - timedelta(seconds=wanted[number]):
            found[number] += 1
    return found


# --- recording -------------------------------------------------------------------------------
def _record(work: Unit, draft: _Draft) -> bytes:
    order, request, facts = draft.order, draft.request, draft.terms.instrument
    by = actors.person(request.principal, request.correlation_id)
    named = {"order_id": order.id, "client_order_id": order.client_order_id}
    if draft.terms.ask.allocation is not None:
        order.allocation_id = ids.prefixed("al")
    work.add(order)
    work.record(
        order,
        "request",
        msg_type=MsgType.ORDER_UPDATE,
        body=named,
        order=render.order_json(order, facts),
        order_id=order.id,
        at=order.created_at,
        by=by,
    )
    if order.allocation_id is not None:
        _create_allocation(work, draft)
    return bytes(_apply_verdict(work, draft, named))


def _create_allocation(work: Unit, draft: _Draft) -> None:
    order, asked = draft.order, draft.terms.ask.allocation
    assert asked is not None
    engine.create(
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


def _apply_verdict(work: Unit, draft: _Draft, named: dict[str, str | None]) -> msgspec.Raw:
    order, verdict, facts = draft.order, draft.verdict, draft.terms.instrument
    assert verdict is not None
    assert draft.ticket is not None
    at = clock.now()
    row = verdict.row(draft.ticket)
    work.add(row)
    order.screening_id = row.id
    if verdict.outcome == Outcome.PASSED:
        event, body = "approve", dict(named)
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


def _flag(
    work: Unit, draft: _Draft, row: screening.Screening, named: dict[str, str | None]
) -> msgspec.Raw:
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
