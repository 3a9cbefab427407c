"""How an inquiry ends: with a trade and its losers ranked, or without, by its exit criteria."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit.errors import OmsError
from orders import clearances, closing, execution
from orders.execution import Issue
from orders.models import ExecutionOrder, Quote, QuoteRound
from orders.requests import Instruction
from orders.rfq import criteria, hitting, inquiry, rounds, wire
from orders.rfq.inquiry import Inquiry
from orders.states import QuoteState
from venues.messages import QuoteRespType


def trade(work: Unit, asked: Inquiry, winner: Quote, *, at: datetime) -> None:
    """The dealer has traded: the winner is done, the others are cover, tied or done away.

    Dealers are told how they stood: QuoteRespType(694) 4, 9 and 5.
    """
    winner.fill(at=at)
    asked.rfq.fill(at=at)
    losers = [quote for quote in asked.ranked() if quote is not winner]
    covered = False
    for rank, quote in enumerate(losers, start=2):
        if quote.price == winner.price:
            quote.tie(at=at, rank=rank)
            word = QuoteRespType.TIED
        elif not covered:
            quote.cover(at=at, rank=rank)
            covered, word = True, QuoteRespType.COVER
        else:
            quote.lose(at=at, rank=rank)
            word = QuoteRespType.DONE_AWAY
        hitting.respond(work, asked, word, quote, at=at)
    waiting = [quote for quote in asked.open_quotes() if quote.status == QuoteState.COUNTERED]
    for quote in waiting:
        quote.lose(at=at, rank=len(losers) + 2)
    kind = asked.one.order.amount_type
    body = {
        "quote": wire.quote(winner, kind),
        "losers": [wire.quote(quote, kind) for quote in [*losers, *waiting]],
        "silent": asked.silent(),
    }
    lapsed = rounds.lapse(asked, waiting, "traded", at=at)
    moved = (winner, *losers, *waiting, *lapsed)
    inquiry.record(work, asked, "rfq_execute", body, also=moved, at=at)


def expire(work: Unit, asked: Inquiry, *, by: Actor, at: datetime) -> None:
    """Its time is over: nothing was hit."""
    gone = asked.open_quotes()
    for quote in gone:
        quote.expire(at=at)
    lapsed = rounds.lapse(asked, gone, "expire_time", at=at)
    asked.rfq.expire(at=at, reason="expire_time")
    body = {"reason": "expire_time", "silent": asked.silent()}
    inquiry.record(work, asked, "rfq_expire", body, also=[*gone, *lapsed], by=by, at=at)
    leave(work, asked, "the inquiry expired", by=by, at=at)


def cancel(work: Unit, asked: Inquiry, reason: str, *, by: Actor, at: datetime) -> None:
    """We want no quotes any more; dealers are told by a pass (694=6)."""
    _cancel(work, asked, reason, by=by, at=at)
    leave(work, asked, reason, by=by, at=at)


def pull_back(work: Unit, asked: Inquiry, reason: str, *, by: Actor, at: datetime) -> None:
    """End an inquiry that nobody has hit, and its execution order; the order above stays open."""
    row = owner(asked)
    _cancel(work, asked, reason, by=by, at=at)
    if row is not None:
        closing.close_execution(
            work, asked.one, row, "cancel", by=by, at=at, reason=reason, couple=False
        )


def _cancel(work: Unit, asked: Inquiry, reason: str, *, by: Actor, at: datetime) -> None:
    gone = _drop(asked, at)
    asked.rfq.cancel(at=at, reason=reason)
    body = {"reason": reason, "silent": asked.silent()}
    inquiry.record(work, asked, "rfq_cancel", body, also=gone, by=by, at=at)
    hitting.respond(work, asked, QuoteRespType.PASS, at=at)


def dry(work: Unit, asked: Inquiry, *, by: Actor, at: datetime) -> None:
    """Every dealer has passed."""
    gone = _drop(asked, at)
    asked.rfq.dry(at=at, reason="every dealer passed")
    body = {"reason": "every dealer passed", "silent": asked.silent()}
    inquiry.record(work, asked, "rfq_no_quotes", body, also=gone, by=by, at=at)
    leave(work, asked, "every dealer passed", by=by, at=at)


def refuse(work: Unit, asked: Inquiry, reason: str, *, by: Actor, at: datetime) -> None:
    """The venue will not ask anybody."""
    gone = _drop(asked, at)
    asked.rfq.reject(at=at, reason=reason)
    body = {"reason": reason, "silent": asked.silent()}
    inquiry.record(work, asked, "rfq_refuse", body, also=gone, by=by, at=at)
    leave(work, asked, f"the venue refused the inquiry: {reason}", by=by, at=at)


def _drop(asked: Inquiry, at: datetime) -> list[Quote | QuoteRound]:
    gone = asked.open_quotes()
    for quote in gone:
        quote.cancel(at=at)
    return [*gone, *rounds.lapse(asked, gone, "the inquiry is over", at=at)]


def owner(asked: Inquiry) -> ExecutionOrder | None:
    """The execution order that this inquiry works for, unless it is over."""
    rows = asked.one.live()
    return next((row for row in rows if row.id == asked.rfq.execution_order_id), None)


def leave(work: Unit, asked: Inquiry, why: str, *, by: Actor, at: datetime) -> None:
    """Exit by the criteria: stage the rest, send it to the book, or cancel (guide's coupling)."""
    row, one = owner(asked), asked.one
    if row is None:
        return
    fallback = criteria.read(asked.rfq.criteria).fallback
    left, stopping = row.leaves_qty, bool(row.pending or one.order.pending)
    couple = stopping or fallback == "cancel"
    closing.close_execution(
        work, one, row, "cancel", by=by, at=at, reason=f"{why}: {fallback}", couple=couple
    )
    if fallback == "sor" and not stopping:
        _to_the_book(work, asked, row, left, by=by, at=at)


def _to_the_book(
    work: Unit, asked: Inquiry, row: ExecutionOrder, left: Any, *, by: Actor, at: datetime
) -> None:
    one = asked.one
    clearance = clearances.of([one.order]).get(one.order.id)
    instruction = Instruction(
        protocol="limit_order_book",
        strategy="smart_order_routing",
        qty=left,
        limit_price=row.limit_price,
        all_or_none=row.all_or_none,
        suppress_pmp_check=row.suppress_pmp_check,
        fees=tuple(row.fees),
    )
    try:
        if clearance is None:
            raise clearances.why_not(one.order)
        issue = Issue(instruction, "exit", rule=row.id)
        execution.issue(work, one, [issue], clearance=clearance, by=by, at=at)
    except OmsError as refusal:
        body = {
            **execution.naming(one),
            "client_execution_order_id": None,
            "code": refusal.code,
            "reason": refusal.message,
        }
        execution.record(
            work,
            one,
            "execution_order_reject",
            body,
            msg_type=MsgType.SYSTEM_UPDATE,
            by=by,
            at=at,
        )
