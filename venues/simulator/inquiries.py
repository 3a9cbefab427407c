"""Inquiries at the simulated quote venue: who answers what, and when.

Everything it decides is said by the reporter, which folds it into the register first; after a
restart what is left to do is computed again from the register.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from venues.messages import (
    DealerQuote,
    QuoteCancel,
    QuoteReport,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteStatus,
    QuoteStatusReport,
)
from venues.simulator import dealers
from venues.simulator.dealers import DEALERS, Counters
from venues.simulator.market import Market
from venues.simulator.register import ZERO, Inquiry, Register
from venues.simulator.reports import Reporter
from venues.simulator.time import Timers

_UNKNOWN_SYMBOL, _TOO_LATE, _OTHER = 1, 4, 99  # QuoteRequestRejectReason(658)


class Inquiries:
    """All inquiries of one session."""

    def __init__(self, register: Register, market: Market, say: Reporter) -> None:
        self._register = register
        self._market = market
        self._say = say
        self._timers: Timers[tuple[Inquiry, str]] = Timers()
        for inquiry in register.inquiries.values():
            self._schedule_all(inquiry)

    def ask(self, message: QuoteRequest, at: datetime) -> None:
        """Take an inquiry; one that is known is confirmed again and nothing more."""
        known = message.quote_req_id in self._register.inquiries
        self._register.receive(message, at)
        reason, text = self._refusal(message, at)
        if reason and not known:
            self._say.answer(partial(_refused, message, reason, text, at))
            return
        self._say.answer(partial(_taken, message, at))
        if not known:
            self._schedule_all(self._register.inquiries[message.quote_req_id])

    def respond(self, message: QuoteResponse, at: datetime) -> None:
        """Hear a counter, a pass or feedback."""
        self._register.receive(message, at)
        inquiry = self._register.inquiries.get(message.quote_req_id)
        if inquiry is not None and message.quote_id in inquiry.countered:
            dealer = inquiry.quotes[message.quote_id].dealer
            self._timers.add(at + dealers.COUNTER_DELAY, (inquiry, dealer))

    def tick(self, at: datetime) -> None:
        """Let dealers do what has become due."""
        for inquiry, dealer in self._timers.pop_due(at):
            if self._may_act(inquiry, at):
                self._act(inquiry, dealer, at)

    def why_not(self, hit: QuoteResponse, at: datetime) -> str:
        """Why a quote cannot be hit; empty when it can."""
        inquiry = self._register.inquiries.get(hit.quote_req_id)
        quote = inquiry.quotes.get(hit.quote_id) if inquiry is not None else None
        if inquiry is None or quote is None:
            return "no such quote"
        if hit.quote_id in inquiry.gone:
            return "the quote was changed or withdrawn"
        if at >= quote.valid_until_time:
            return "the quote has expired"
        if hit.price != quote.px or not ZERO < (hit.order_qty or ZERO) <= quote.size:
            return "not the quoted price and size"
        return ""

    def _refusal(self, message: QuoteRequest, at: datetime) -> tuple[int, str]:
        if not self._market.knows(message.security_id):
            return _UNKNOWN_SYMBOL, "unknown security"
        if at >= message.expire_time:
            return _TOO_LATE, "the inquiry has ended"
        if message.security_id in dealers.REFUSES_INQUIRIES:
            return _OTHER, "no inquiries in this security"
        return 0, ""

    def _may_act(self, inquiry: Inquiry, at: datetime) -> bool:
        return not (inquiry.refused or inquiry.over) and at < inquiry.request.expire_time

    def _schedule_all(self, inquiry: Inquiry) -> None:
        for dealer in inquiry.request.dealers:
            if dealer in DEALERS:
                self._schedule(inquiry, dealer)

    def _schedule(self, inquiry: Inquiry, dealer: str) -> None:
        due = _next_at(inquiry, dealer)
        if due is not None:
            self._timers.add(due, (inquiry, dealer))

    def _act(self, inquiry: Inquiry, dealer: str, at: datetime) -> None:
        """One step of a dealer: its first answer, another price, or none any more."""
        latest, character = inquiry.latest(dealer), DEALERS[dealer]
        if latest is None and dealer not in inquiry.passed:
            shy = character.passes or inquiry.request.security_id in dealers.NOBODY_QUOTES
            self._say.answer(
                partial(_passed, inquiry, dealer, at)
                if shy
                else partial(self._quoted, inquiry, dealer, None, at)
            )
        elif latest is None or latest.quote_id in inquiry.gone:
            return
        elif latest.quote_id in inquiry.countered and character.counters is Counters.WITHDRAW:
            self._say.answer(partial(_withdrawn, latest, "no better price", at))
        elif latest.quote_id in inquiry.countered or latest.round == 1:
            self._say.answer(partial(self._quoted, inquiry, dealer, latest, at))
        else:
            self._say.answer(partial(_withdrawn, latest, "withdrawn", at))
        self._schedule(inquiry, dealer)

    def _quoted(
        self,
        inquiry: Inquiry,
        dealer: str,
        former: DealerQuote | None,
        at: datetime,
        seq: int,
        quote_id: str,
    ) -> QuoteReport:
        asked, character = inquiry.request, DEALERS[dealer]
        turn = former.round + 1 if former is not None else 1
        px = dealers.price(
            self._market,
            dealer,
            asked.security_id,
            asked.side,
            seed=self._register.session,
            round=turn,
        )
        counter = inquiry.countered.get(former.quote_id) if former is not None else None
        if former is not None and counter is not None and counter.price is not None:
            px = dealers.meet(dealer, former.px, counter.price)
        return DealerQuote(
            seq=seq,
            quote_req_id=asked.quote_req_id,
            quote_id=quote_id,
            dealer=dealer,
            security_id=asked.security_id,
            side=asked.side,
            px=px,
            size=min(asked.order_qty, character.size),
            valid_until_time=min(at + character.valid, asked.expire_time),
            transact_time=at,
            round=turn,
            replaces=former.quote_id if former is not None else "",
        )


def _next_at(inquiry: Inquiry, dealer: str) -> datetime | None:
    """When a dealer moves next of its own accord."""
    latest, character = inquiry.latest(dealer), DEALERS[dealer]
    if latest is None:
        first = inquiry.received_at + (character.after or timedelta(0))
        due = inquiry.request.due_time
        silent = character.after is None or dealer in inquiry.passed
        return None if silent else max(first, due) if due is not None else first
    if latest.quote_id in inquiry.gone:
        return None
    if latest.quote_id in inquiry.countered:
        return inquiry.countered[latest.quote_id].transact_time + dealers.COUNTER_DELAY
    wait = character.moves_after if latest.round == 1 else character.leaves_after
    return None if wait is None else latest.transact_time + wait


def _taken(message: QuoteRequest, at: datetime, seq: int, _: str) -> QuoteReport:
    return QuoteStatusReport(
        seq=seq,
        quote_req_id=message.quote_req_id,
        quote_status=QuoteStatus.ACCEPTED,
        transact_time=at,
    )


def _refused(
    message: QuoteRequest, reason: int, text: str, at: datetime, seq: int, _: str
) -> QuoteReport:
    return QuoteRequestReject(
        seq=seq, quote_req_id=message.quote_req_id, reason=reason, transact_time=at, text=text
    )


def _passed(inquiry: Inquiry, dealer: str, at: datetime, seq: int, _: str) -> QuoteReport:
    return QuoteStatusReport(
        seq=seq,
        quote_req_id=inquiry.request.quote_req_id,
        quote_status=QuoteStatus.PASS,
        transact_time=at,
        dealer=dealer,
        text="no interest",
    )


def _withdrawn(quote: DealerQuote, text: str, at: datetime, seq: int, _: str) -> QuoteReport:
    return QuoteCancel(
        seq=seq,
        quote_req_id=quote.quote_req_id,
        quote_id=quote.quote_id,
        dealer=quote.dealer,
        transact_time=at,
        text=text,
    )
