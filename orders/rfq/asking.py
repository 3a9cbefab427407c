"""Making an inquiry: who is asked, how long, and the message that asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from oms_site.journal.actors import Actor
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import Detail, OmsError, refuse
from orders import brokers, execution, fitness, sides, terms
from orders.models import ExecutionOrder, Rfq
from orders.render import tidy
from orders.rfq import inquiry, wire
from orders.rfq.criteria import Criteria
from orders.rfq.inquiry import Inquiry
from orders.states import ORDER_EXECUTABLE
from orders.tree import Tree
from venues import dealers, instruments, messages, transmission
from venues.dealers import DealerFacts

DEFAULT_LIFE = timedelta(seconds=120)


class RfqAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks dealers: no dealers named means all that fit."""

    order_id: str
    qty: Decimal | None = None
    dealers: tuple[str, ...] = ()
    bidding: str = "asap"
    due_time: datetime | None = None
    expire_time: datetime | None = None
    client_rfq_id: str | None = None


def check(one: Tree, ask: RfqAsk, *, at: datetime) -> None:
    """Refuse an inquiry that may not be. Raises `OmsError` with every fault."""
    order = one.order
    if order.status not in ORDER_EXECUTABLE:
        raise OmsError("order_not_executable", f"The order is {order.status}.", status=409)
    if order.pending:
        raise OmsError("order_pending_cancel", "The order is being stopped.", status=409)
    faults: list[Detail] = []
    qty = one.free() if ask.qty is None else ask.qty
    if ask.qty is not None:
        facts = instruments.by_id(order.instrument_id)
        terms.check_size("amount", ask.qty, facts, faults)
    if qty > one.free() or qty <= 0:
        faults.append(
            Detail(
                "amount",
                "exceeds_open_quantity",
                f"Only {tidy(one.free()):f} of the order is not being executed already.",
            )
        )
    check_asked(one, ask, at=at, faults=faults)
    refuse(faults)


def check_asked(one: Tree, ask: RfqAsk, *, at: datetime, faults: list[Detail]) -> None:
    """Note what is wrong with the dealers and the times of an inquiry."""
    chosen = _chosen(one, ask.dealers)
    refused = brokers.why_none_of(one.order, ask.dealers)
    for n, name in enumerate(ask.dealers):
        if name in refused:
            faults.append(
                Detail(f"dealers[{n}]", "broker_not_approved", f"{name} {refused[name]}.")
            )
        elif name not in {dealer.id for dealer in chosen}:
            faults.append(
                Detail(f"dealers[{n}]", "dealer_not_found", f"{name} cannot be asked about this.")
            )
    if not chosen and not faults:
        faults.append(Detail("dealers", "no_dealers", "No dealer can be asked about this."))
    if len({dealer.venue_id for dealer in chosen}) > 1:
        faults.append(Detail("dealers", "dealers_of_one_venue", "Ask one venue's dealers at once."))
    qty = one.free() if ask.qty is None else ask.qty
    for venue_id in sorted({dealer.venue_id for dealer in chosen}) if qty > 0 else ():
        why = fitness.fault(venue_id, one.order, qty=qty, limit=None, at=at, protocol=fitness.RFQ)
        if why is not None:
            faults.append(Detail("amount", why.code, why.message))
    expires = expires_at(one, ask, at=at)
    if not at < expires <= one.order.expires_at:
        faults.append(
            Detail("expire_time", "expire_time_invalid", "It ends later, within the session.")
        )
    if (ask.bidding == "bin") != (ask.due_time is not None):
        faults.append(Detail("due_time", "due_time_invalid", "Give it for bin bidding, only."))
    elif ask.due_time is not None and not at < ask.due_time < expires:
        faults.append(Detail("due_time", "due_time_invalid", "It is between now and the end."))


def count_chosen(one: Tree, names: tuple[str, ...]) -> int:
    """How many dealers would be asked now: of those named, else of all."""
    return len(_chosen(one, names))


def expires_at(one: Tree, ask: RfqAsk, *, at: datetime) -> datetime:
    """When the inquiry ends: as asked, else soon, never after the order's session."""
    if ask.expire_time is not None:
        return ask.expire_time
    return min((ask.due_time or at) + DEFAULT_LIFE, one.order.expires_at)


def make(
    work: Unit,
    one: Tree,
    ask: RfqAsk,
    *,
    by: Actor,
    at: datetime,
    row: ExecutionOrder | None = None,
    criteria: Criteria | None = None,
    fingerprint: str = "",
    list_id: str = "",
    rfq_id: str = "",
) -> Inquiry:
    """Write an inquiry that has been checked, and its QuoteRequest(R). Emits `rfq_create`."""
    order, chosen = one.order, _chosen(one, ask.dealers)
    rfq = Rfq(
        id=rfq_id or ids.prefixed("rfq"),
        organization_id=order.organization_id,
        order_id=order.id,
        execution_order_id=row.id if row is not None else None,
        venue_id=chosen[0].venue_id,
        client_rfq_id=ask.client_rfq_id,
        fingerprint=fingerprint,
        list_id=list_id,
        qty=ask.qty if ask.qty is not None else one.free(),
        dealers=[dealer.id for dealer in chosen],
        bidding=ask.bidding,
        due_at=ask.due_time or at,
        expires_at=expires_at(one, ask, at=at),
        criteria={} if criteria is None else criteria.stored(),
        created_at=at,
    )
    rfq.wake_at = rfq.expires_at
    made = Inquiry(rfq, one)
    work.add(rfq)
    body: dict[str, Any] = {"rfq": wire.rfq(rfq, order.amount_type)}
    inquiry.record(work, made, "rfq_create", body, by=by, at=at)
    transmission.queue(work, rfq.venue_id, _message(made, at), at=at)
    return made


def _message(made: Inquiry, at: datetime) -> messages.QuoteRequest:
    rfq, order = made.rfq, made.one.order
    return messages.QuoteRequest(
        quote_req_id=rfq.id,
        security_id=instruments.by_id(order.instrument_id).cusip,
        side=execution.SIDES[order.side],
        order_qty=rfq.qty,
        dealers=tuple(rfq.dealers),
        transact_time=at,
        expire_time=rfq.expires_at,
        bidding="bin" if rfq.bidding == "bin" else "asap",
        due_time=rfq.due_at if rfq.bidding == "bin" else None,
        **sides.mark(order),
    )


def _chosen(one: Tree, names: tuple[str, ...]) -> list[DealerFacts]:
    asset_class = instruments.by_id(one.order.instrument_id).asset_class
    fitting = [dealer for dealer in dealers.every() if dealer.quotes(asset_class)]
    refused = brokers.why_none_of(one.order, tuple(dealer.id for dealer in fitting))
    fitting = [dealer for dealer in fitting if dealer.id not in refused]
    return [dealer for dealer in fitting if not names or dealer.id in names]
