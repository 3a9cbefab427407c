"""The sweep over open inquiries: expiries, criteria, and what has lost its order. Rows are due.

It can be late, doubled or missed without harm: a hit checks every clock itself.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import Q

from oms_site.firm import generation
from oms_site.firm.database import of_content
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import tree
from orders.models import Order, Rfq
from orders.rfq import criteria, ending, hitting, inquiry, outcomes, wire
from orders.rfq.criteria import Offer, Scene
from orders.rfq.inquiry import Inquiry
from orders.states import ORDER_TERMINAL, QuoteState, RfqStatus, VenueStatus
from venues import market_data

log = logging.getLogger(__name__)
_by = actors.system("quotes")
_ENDED = [str(VenueStatus.REJECTED), str(VenueStatus.CANCELED), str(VenueStatus.EXPIRED)]
_ASKING = [str(RfqStatus.SENT), str(RfqStatus.QUOTING)]
_OVER = sorted(str(status) for status in ORDER_TERMINAL)


def sweep(*, limit: int = 100) -> int:
    """Look at inquiries that are due, each in a transaction of its own; returns how many."""
    at = clock.now()
    orphaned = Q(order__status__in=_OVER) | Q(execution_order__status__in=_OVER)
    due = Rfq.objects.filter(status__in=_ASKING).filter(Q(wake_at__lte=at) | orphaned)
    named = list(due.order_by("wake_at").values_list("id", "order_id")[:limit])
    # A hit that was stopped before the wire: no dealer will ever answer it.
    stopped = Rfq.objects.filter(
        status=RfqStatus.EXECUTING.value,
        quotes__status=QuoteState.HIT.value,
        quotes__venue_order__status__in=_ENDED,
    )
    named += list(stopped.values_list("id", "order_id")[:limit])
    return sum(_look(rfq_id, order_id) for rfq_id, order_id in named)


def _look(rfq_id: str, order_id: str) -> bool:
    try:
        at = clock.now()
        with unit.work(by=_by, at=at) as work:
            generation.enter()
            rows = Order._base_manager.select_for_update(no_key=True, skip_locked=True)
            orders = {order.id: work.hold(order) for order in rows.filter(pk=order_id)}
            trees = tree.below(work, orders)
            asked = inquiry.lock(work, trees, [rfq_id]).get(rfq_id)
            return asked is not None and _work(work, asked, at=at)
    except Exception as error:
        if not of_content(error):
            raise
        log.exception("%s could not be looked at", rfq_id)
        return False


def _work(work: Unit, asked: Inquiry, *, at: datetime) -> bool:
    rfq = asked.rfq
    if rfq.status == RfqStatus.EXECUTING:
        return outcomes.stopped(work, asked, at=at)
    if rfq.status not in _ASKING:
        return False
    if asked.one.order.is_terminal:
        ending.cancel(work, asked, f"the order is {asked.one.order.status}", by=_by, at=at)
    elif rfq.execution_order_id is not None and ending.owner(asked) is None:
        ending.cancel(work, asked, "its execution order is over", by=_by, at=at)
    elif at >= rfq.expires_at:
        ending.expire(work, asked, by=_by, at=at)
    elif rfq.wake_at is None or rfq.wake_at > at:
        return False
    else:
        _expire_quotes(work, asked, at=at)
        if rfq.execution_order_id is not None:
            _judge(work, asked, at=at)
    return True


def _expire_quotes(work: Unit, asked: Inquiry, *, at: datetime) -> None:
    gone = [q for q in asked.open_quotes() if q.valid_until is not None and q.valid_until <= at]
    for quote in gone:
        quote.expire(at=at)
    asked.rfq.wake_at = asked.next_due()
    if gone or asked.rfq.execution_order_id is None:
        kind = asked.one.order.amount_type
        body = {"quotes": [wire.quote(quote, kind) for quote in gone]}
        inquiry.record(work, asked, "rfq_quote_expire", body, also=gone, at=at)


def _judge(work: Unit, asked: Inquiry, *, at: datetime) -> None:
    rfq, row = asked.rfq, ending.owner(asked)
    if row is None or row.pending or asked.one.order.pending:
        return _wait(work, asked, "it is being stopped", at=at)
    rules, ranked = criteria.read(rfq.criteria), asked.ranked()
    ready_at = max(rfq.due_at, rfq.created_at + timedelta(seconds=rules.min_wait_s))
    price = market_data.reference(asked.one.order.instrument_id)
    buys = asked.one.order.side == "buy"
    scene = Scene(
        side=asked.one.order.side,
        qty=row.leaves_qty,
        limit=row.limit_price,
        reference=price.mid if price else None,
        book=(price.ask if buys else price.bid) if price else None,
        hits=rfq.hits,
        ready_at=ready_at,
        at=at,
    )
    offers = [Offer(q.id, q.price, q.qty) for q in ranked if q.price and q.qty]
    verdict = criteria.choose(rules, scene, offers)
    if verdict.over:
        return ending.cancel(work, asked, verdict.why, by=_by, at=at)
    quote = asked.find(verdict.quote_id) if verdict.quote_id else None
    if quote is None:
        if at < ready_at:
            assert rfq.wake_at is not None
            rfq.wake_at = min(rfq.wake_at, ready_at)
        return _wait(work, asked, verdict.why, at=at)
    try:
        hitting.check(asked, quote, qty=row.leaves_qty, limit=row.limit_price, at=at)
    except OmsError as refusal:
        return _wait(work, asked, refusal.message, at=at)
    hitting.hit(work, asked, quote, row, qty=row.leaves_qty, by=_by, at=at)
    return None


def _wait(work: Unit, asked: Inquiry, why: str, *, at: datetime) -> None:
    body = {"reason": why, "seen": wire.seen(asked.ranked())}
    inquiry.record(work, asked, "rfq_evaluate", body, msg_type=MsgType.INTERNAL, at=at)
