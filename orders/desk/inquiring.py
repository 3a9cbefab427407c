"""Inquiries on request: ask dealers, counter a quote, want no quotes any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Detail, NotFound, OmsError
from orders import clearances, execution, terms, tree
from orders.models import Quote, Rfq
from orders.requests import fingerprint
from orders.rfq import asking, ending, hitting, inquiry, layers, rounds, wire
from orders.rfq.asking import RfqAsk
from orders.rfq.inquiry import Inquiry
from orders.states import RfqStatus
from orders.tree import Tree
from venues.messages import QuoteRespType

TOO_LATE = 0  # CxlRejReason(102)


@dataclass(slots=True)
class AskResult:
    """The inquiry made, or the refusal; `replayed` when the id had made it before."""

    rfq_id: str
    row: Rfq | None = None
    error: OmsError | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class RfqCancelResult:
    """What became of a cancel request: canceled, or refused with CxlRejReason(102)."""

    rfq_id: str
    cancel_id: str
    outcome: str
    code: int | None = None
    reason: str = ""


def ask(
    asks: Sequence[RfqAsk],
    *,
    by: Principal,
    at: datetime,
    list_id: str = "",
    correlation_id: str = "",
) -> list[AskResult]:
    """Ask dealers for quotes; each ask has its own outcome. Raises `NotFound` for a hidden order.

    Emits `rfq_request`, then `rfq_create` or `rfq_reject`. A client id used before answers with
    what it made then, or 409 when the content differs.
    """
    by.require("order.route")
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        generation.enter()
        named = {one.order_id for one in asks}
        trees = tree.lock(work, named, organization_id=by.organization_id)
        if len(trees) < len(named):
            raise NotFound("order")
        cleared = set(clearances.of([one.order for one in trees.values()]))
        known = _known(by.organization_id, asks)
        return [
            _ask(work, trees[one.order_id], one, cleared, known, list_id, by=actor, at=at)
            for one in asks
        ]


def _known(organization_id: str, asks: Sequence[RfqAsk]) -> dict[str, Rfq]:
    named = [one.client_rfq_id for one in asks if one.client_rfq_id is not None]
    rows = Rfq.objects.filter(organization_id=organization_id, client_rfq_id__in=named)
    return {row.client_rfq_id or "": row for row in rows}


def _ask(
    work: Unit,
    one: Tree,
    asked: RfqAsk,
    cleared: set[str],
    known: dict[str, Rfq],
    list_id: str,
    *,
    by: Actor,
    at: datetime,
) -> AskResult:
    mark, former = fingerprint(asked), known.get(asked.client_rfq_id or "")
    if former is not None:
        return _replay(former, mark)
    result = AskResult(ids.prefixed("rfq"))
    named = {
        **execution.naming(one),
        "rfq_id": result.rfq_id,
        "client_rfq_id": asked.client_rfq_id,
        "execution_order_id": None,
    }
    _say(work, one, "rfq_request", named, at)
    try:
        if one.order.id not in cleared:
            raise clearances.why_not(one.order)
        asking.check(one, asked, at=at)
    except OmsError as refusal:
        result.error = refusal
        _say(
            work,
            one,
            "rfq_reject",
            {**named, "code": refusal.code, "reason": refusal.message},
            at,
        )
        return result
    made = asking.make(
        work, one, asked, by=by, at=at, fingerprint=mark, list_id=list_id, rfq_id=result.rfq_id
    )
    result.row = made.rfq
    if asked.client_rfq_id is not None:
        known[asked.client_rfq_id] = made.rfq
    return result


def _replay(former: Rfq, mark: str) -> AskResult:
    if former.fingerprint == mark:
        return AskResult(former.id, row=former, replayed=True)
    return AskResult(
        former.id,
        error=OmsError(
            "idempotency_conflict",
            "This client_rfq_id belongs to an inquiry with other content.",
            field="client_rfq_id",
            status=409,
        ),
    )


def _say(work: Unit, one: Tree, event: str, body: dict[str, Any], at: datetime) -> None:
    execution.record(work, one, event, body, msg_type=MsgType.SYSTEM_UPDATE, by=work.by, at=at)


def cancel_rfq(
    rfq_id: str, *, by: Principal, at: datetime, correlation_id: str = ""
) -> RfqCancelResult:
    """Want no quotes any more. Too late while a hit waits for its dealer. Raises `NotFound`."""
    by.require("order.cancel")
    actor = actors.person(by, correlation_id)
    with unit.work(by=actor, at=at) as work:
        asked = _hold(work, rfq_id, by)
        cancel_id = ids.prefixed("cr")
        _note(work, asked, "rfq_cancel_request", {"cancel_request_id": cancel_id}, at)
        reason = ""
        if asked.rfq.status == RfqStatus.EXECUTING:
            reason = "A hit waits for its dealer."
        elif not asked.rfq.is_open:
            reason = f"The inquiry is {asked.rfq.status}."
        if reason:
            body = {"cancel_request_id": cancel_id, "code": TOO_LATE, "reason": reason}
            _note(work, asked, "rfq_cancel_reject", body, at)
            return RfqCancelResult(rfq_id, cancel_id, "refused", TOO_LATE, reason)
        ending.cancel(work, asked, "requested", by=actor, at=at)
        return RfqCancelResult(rfq_id, cancel_id, "canceled")


def counter(
    rfq_id: str,
    quote_id: str,
    *,
    price: Decimal,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> dict[str, Any]:
    """Ask a dealer for a better price; the quote cannot be hit any more. The quote as it is now.

    Opens a round of negotiation, which the dealer's next word closes. `price` is the end client's;
    the dealer is told what it is on the street. Raises `NotFound`, and `OmsError` when the quote is
    over, the criteria hit by themselves, or the price is no better.
    """
    by.require("order.route")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        asked = _hold(work, rfq_id, by)
        quote = asked.find(quote_id)
        if quote is None:
            raise NotFound("quote")
        street = _check_counter(asked, quote, price, at=at)
        row = rounds.begin(
            work, asked, quote, price=price, street_price=street, user_id=by.user_id, at=at
        )
        kind = asked.one.order.amount_type
        body = {
            "quote": wire.quote(quote, kind),
            "counter_price": price,
            "negotiation": wire.negotiation(row),
        }
        inquiry.record(work, asked, "rfq_quote_counter", body, also=(quote, row), at=at)
        hitting.respond(work, asked, QuoteRespType.COUNTER, quote, at=at, price=street)
        return wire.quote(quote, kind)


def _check_counter(asked: Inquiry, quote: Quote, price: Decimal, *, at: datetime) -> Decimal:
    """Refuse a counter that may not be. The price to ask the dealer for, on the street."""
    order = asked.one.order
    if asked.rfq.execution_order_id is not None:
        raise OmsError("rfq_is_automatic", "Its criteria hit the quotes.", status=409)
    if order.pending or order.is_terminal:
        raise OmsError("order_pending_cancel", "The order is being stopped.", status=409)
    hitting.check_open(asked, quote, at=at)
    sign = 1 if order.side == "buy" else -1
    if quote.seen_price is None or sign * (price - quote.seen_price) >= 0:
        fault = Detail("price", "counter_no_better", "A counter is better than the quote.")
        raise OmsError(fault.code, fault.message, details=[fault])
    if terms.worse_limit(order.side, order.limit_price, price):
        text = "A dealer that accepted it could not be hit: it is worse than the order's limit."
        raise OmsError("counter_worse_than_limit", text, field="price")
    street = layers.street_price(order, price, near=quote, at=at)
    if street <= 0:
        raise OmsError("counter_no_price", "The markups leave no price.", field="price")
    return street


def _hold(work: Unit, rfq_id: str, by: Principal) -> Inquiry:
    generation.check()
    named = Rfq.objects.filter(pk=rfq_id, organization_id=by.organization_id)
    order_id = named.values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound("request for quotes")
    trees = tree.lock(work, [order_id], organization_id=by.organization_id)
    return inquiry.lock(work, trees, [rfq_id])[rfq_id]


def _note(work: Unit, asked: Inquiry, event: str, body: dict[str, Any], at: datetime) -> None:
    inquiry.record(work, asked, event, body, msg_type=MsgType.SYSTEM_UPDATE, at=at)


__all__ = ["AskResult", "RfqCancelResult", "ask", "cancel_rfq", "counter"]
