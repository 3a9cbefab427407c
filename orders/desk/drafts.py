"""An order request on its way through a batch: resolved, made into a row, screened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from oms_site.journal import statements
from oms_site.journal.unit import Unit
from oms_site.kit import clock, ids
from oms_site.kit.errors import OmsError
from orders import alike, exposure, grouping, markups, overriding, rulesets, terms, tickets
from orders.desk import dropping
from orders.desk.draft import Draft
from orders.models import Order
from orders.requests import PLAIN, OrderAsk, SubmitRequest, fingerprint

__all__ = ["Draft", "make", "screen"]
NO_GROUPS: grouping.Groups = {}


def make(request: SubmitRequest) -> Draft:
    """The order row of a request. Raises `OmsError` (422) as `terms.resolve` refuses."""
    at = request.received_at
    resolved = terms.resolve(request, at=at)
    ask = resolved.ask
    if any(one.suppress_pmp_check for one in ask.instructions):
        request.principal.require("pmp.suppress")
    number = tickets.economics(
        organization_id=request.principal.organization_id,
        accounts=tuple(a.id for a in resolved.accounts),
        cusip=resolved.instrument.cusip,
        side=ask.side,
        qty=ask.qty,
        limit_price=ask.stop_price if ask.limit_price is None else ask.limit_price,
    )
    order = statements.fresh(
        Order,
        id=ids.order_id(),
        organization_id=request.principal.organization_id,
        client_order_id=ask.client_order_id,
        fingerprint=fingerprint(request.ask) if ask.client_order_id else "",
        instrument_id=resolved.instrument.id,
        account_id=resolved.account_id,
        ib_id=resolved.ib_id,
        risk_group_id=resolved.risk_group_id,
        custodian_id=resolved.custodian_id,
        policy_id=resolved.policy.id,
        submitted_by_id=request.principal.user_id,
        api_key_id=request.principal.api_key_id,
        order_group_id=ask.group or None,
        amount_type=ask.amount_type,
        order_qty=ask.qty,
        leaves_qty=ask.qty,
        side=ask.side,
        ord_type=ask.ord_type,
        limit_price=ask.limit_price,
        stop_price=ask.stop_price,
        **_handled(ask),
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
    _check_limits(order, ask)
    return Draft(request=request, terms=resolved, order=order, economics=number)


def _check_limits(order: Order, ask: OrderAsk) -> None:
    """Refuse a limit that the markups within it leave nothing of, the order's or a part's."""
    at = order.created_at
    markups.street_limit(order, order.limit_price, at=at)
    for n, one in enumerate(ask.instructions):
        own = order.limit_price if one.limit_price is None else one.limit_price
        try:
            markups.street_limit(order, own, at=at, given=one.fees)
        except OmsError as refusal:
            field = f"execution_instructions[{n}].limit_price"
            raise OmsError(refusal.code, refusal.message, field=field) from None


def _handled(ask: OrderAsk) -> dict[str, Any]:
    """The columns of what was asked beyond type and price; an order that asks nothing has none."""
    found = {} if ask.handled is PLAIN else msgspec.structs.asdict(ask.handled)
    if ask.flatten_line:
        found["flatten_line_id"] = ask.flatten_line
    for name in ("short_sale", "locate_id", "locate_broker"):
        if given := getattr(ask, name):
            found[name] = given
    return found


def screen(
    drafts: Sequence[Draft],
    *,
    work: Unit | None = None,
    locked: bool = True,
    groups: grouping.Groups = NO_GROUPS,
) -> None:
    """Give every draft its ticket and its verdict: one query for look-alikes, the rest memory.

    Controls that use what orders share cost one lock and one query per kind of fact, whatever the
    number of drafts. A preview (`locked` false) looks without holding anybody up. What was granted
    for the very terms of a draft is held by `work`.
    """
    recent = _recent_alike(drafts)
    for draft in drafts:
        draft.ticket = tickets.of_terms(
            draft.terms,
            order_id=draft.order.id,
            principal=draft.request.principal,
            alike=recent[draft.economics],
            economics=draft.economics,
            at=draft.request.received_at,
        )
        if stopped := grouping.over(draft.order, groups):
            draft.ticket = msgspec.structs.replace(
                draft.ticket, halted=(*draft.ticket.halted, *stopped)
            )
        recent[draft.economics] += 1
    at = clock.now()
    looked = [(draft.order, draft.ticket) for draft in drafts if draft.ticket is not None]
    offered = overriding.offer(work, looked, at=at)
    for draft, (ticket, row) in zip(drafts, offered, strict=True):
        draft.ticket, draft.override = ticket, row
    gathered = [ticket for ticket, _ in offered]
    judged = exposure.judge(gathered, at=at, locked=locked, smaller=dropping.smaller(drafts, at=at))
    for draft, (ticket, verdict) in zip(drafts, judged, strict=True):
        dropping.apply(draft, ticket)
        draft.ticket, draft.verdict = ticket, verdict


def _recent_alike(drafts: Sequence[Draft]) -> Counter[int]:
    """How many equal orders there have been for each number: one query."""
    first = min((draft.order.created_at for draft in drafts), default=clock.now())
    houses = {draft.economics: draft.order.organization_id for draft in drafts}
    asked = [alike.Asked(house, number, first) for number, house in houses.items()]
    return Counter(dict(zip(houses, alike.counted(asked), strict=True)))
