"""The sweep over open inquiries: expiries, criteria, and what has lost its order. Rows are due.

It can be late, doubled or missed without harm: a hit checks every clock itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import tree
from orders.models import ExecutionOrder, Order, Rfq
from orders.rfq import criteria, ending, hitting, inquiry, outcomes, rounds, wire
from orders.rfq.criteria import Offer, Scene
from orders.rfq.inquiry import Inquiry
from orders.states import ORDER_TERMINAL, QuoteState, RfqStatus, VenueStatus
from venues import dealers, market_data

_by = actors.system("quotes")
_stopped, _odd = draining.Turns(), draining.Aside("quote")
_ENDED = [str(VenueStatus.REJECTED), str(VenueStatus.CANCELED), str(VenueStatus.EXPIRED)]
_ASKING = [str(RfqStatus.SENT), str(RfqStatus.QUOTING)]
_OVER = sorted(str(status) for status in ORDER_TERMINAL)


def sweep(*, limit: int = 100) -> int:
    """Look at inquiries that are due, each in a transaction of its own; returns how many."""
    at = clock.now()
    orphaned = Q(order__status__in=_OVER) | Q(execution_order__status__in=_OVER)
    rows = Rfq.objects.exclude(id__in=_odd.keys())
    due = rows.filter(status__in=_ASKING).filter(Q(wake_at__lte=at) | orphaned)
    named = list(due.order_by("wake_at").values_list("id", "order_id")[:limit])
    # A hit that was stopped before the wire: no dealer will ever answer it.
    executing = Rfq.objects.filter(status=RfqStatus.EXECUTING.value).values_list("id", flat=True)
    stopped = rows.filter(
        id__in=list(executing),
        status=RfqStatus.EXECUTING.value,
        quotes__status=QuoteState.HIT.value,
        quotes__venue_order__status__in=_ENDED,
    )
    named += [(row.id, row.order_id) for row in _stopped.page(stopped, limit)]
    return draining.each(
        named, _look, aside=lambda one, error: _odd.put(one[0], error, order_id=one[1])
    )


def _look(named: tuple[str, str]) -> bool:
    rfq_id, order_id = named
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        rows = Order._base_manager.select_for_update(no_key=True, skip_locked=True)
        orders = {order.id: work.hold(order) for order in rows.filter(pk=order_id)}
        trees = tree.below(work, orders)
        asked = inquiry.lock(work, trees, [rfq_id]).get(rfq_id)
        return asked is not None and _work(work, asked, at=at)


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
    lapsed = rounds.lapse(asked, gone, "the quote expired", at=at)
    asked.rfq.wake_at = asked.next_due()
    if gone or asked.rfq.execution_order_id is None:
        kind = asked.one.order.amount_type
        body = {"quotes": [wire.quote(quote, kind) for quote in gone]}
        inquiry.record(work, asked, "rfq_quote_expire", body, also=[*gone, *lapsed], at=at)


def _judge(work: Unit, asked: Inquiry, *, at: datetime) -> None:
    rfq, row = asked.rfq, ending.owner(asked)
    if row is None or row.pending or asked.one.order.pending:
        return _wait(work, asked, "it is being stopped", at=at)
    scene = _scene(asked, row, at=at)
    verdict = criteria.choose(criteria.read(rfq.criteria), scene, _offers(asked))
    if verdict.over:
        _wait(work, asked, verdict.why, words=verdict.words, at=at)
        return ending.cancel(work, asked, verdict.why, by=_by, at=at)
    quote = asked.find(verdict.quote_id) if verdict.quote_id else None
    if quote is None:
        if at < scene.ready_at:
            assert rfq.wake_at is not None
            rfq.wake_at = min(rfq.wake_at, scene.ready_at)
        return _wait(work, asked, verdict.why, words=verdict.words, at=at)
    try:
        hitting.check(asked, quote, qty=row.leaves_qty, limit=row.limit_price, at=at)
    except OmsError as refusal:
        return _wait(work, asked, refusal.message, words=verdict.words, at=at)
    words = verdict.words
    hitting.hit(work, asked, quote, row, qty=row.leaves_qty, by=_by, at=at, words=words)
    return None


def _scene(asked: Inquiry, row: ExecutionOrder, *, at: datetime) -> Scene:
    rfq, order = asked.rfq, asked.one.order
    wait = timedelta(seconds=criteria.read(rfq.criteria).min_wait_s)
    price = market_data.reference(order.instrument_id)
    buys = order.side == "buy"
    return Scene(
        side=order.side,
        qty=row.leaves_qty,
        limit=row.limit_price,
        reference=price.mid if price else None,
        book=(price.ask if buys else price.bid) if price else None,
        hits=rfq.hits,
        ready_at=max(rfq.due_at, rfq.created_at + wait),
        at=at,
        answered=len(rfq.dealers) - len(asked.silent()),
        dealers=len(rfq.dealers),
    )


def _offers(asked: Inquiry) -> list[Offer]:
    found = []
    for quote in asked.ranked():
        facts = dealers.find(quote.dealer_id)
        if quote.price and quote.qty:
            who = facts.name if facts else quote.dealer_id
            found.append(Offer(quote.id, quote.price, quote.qty, quote.seen_price, who))
    return found


def _wait(work: Unit, asked: Inquiry, why: str, *, at: datetime, words: Sequence[str] = ()) -> None:
    body = {"reason": why, "seen": wire.seen(asked.ranked()), "words": list(words)}
    inquiry.record(work, asked, "rfq_evaluate", body, msg_type=MsgType.INTERNAL, at=at)
