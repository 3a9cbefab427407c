"""Rounds of negotiation: a counter opens one, the dealer's next word or an end closes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from oms_site.journal.unit import Unit
from oms_site.kit import ids
from orders.models import Quote, QuoteRound
from orders.rfq.inquiry import Inquiry


def begin(
    work: Unit,
    asked: Inquiry,
    quote: Quote,
    *,
    price: Decimal,
    street_price: Decimal,
    user_id: int,
    at: datetime,
) -> QuoteRound:
    """Counter a quote: it cannot be hit any more, and its dealer is asked for our price."""
    quote.counter(price=price)
    row = QuoteRound(
        id=ids.prefixed("qround"),
        organization_id=quote.organization_id,
        rfq_id=quote.rfq_id,
        quote_id=quote.id,
        dealer_id=quote.dealer_id,
        number=quote.round + 1,
        price=price,
        street_price=street_price,
        asked_by_id=user_id,
        asked_at=at,
    )
    work.add(row)
    asked.rounds.append(row)
    return row


def answer(
    asked: Inquiry, former: Iterable[Quote], new: Quote, *, at: datetime
) -> list[QuoteRound]:
    """The dealer has made another price: what that says to what we asked of its former quotes."""
    return [_compare(asked, row, quote, new, at) for row, quote in _of(asked, former)]


def withdraw(
    asked: Inquiry, quotes: Iterable[Quote], reason: str, *, at: datetime
) -> list[QuoteRound]:
    """The dealer quotes no more."""
    rows = [row for row, _ in _of(asked, quotes)]
    for row in rows:
        row.withdraw(at=at, reason=reason)
    return rows


def lapse(
    asked: Inquiry, quotes: Iterable[Quote], reason: str, *, at: datetime
) -> list[QuoteRound]:
    """These quotes are over and their dealers have not answered what we asked."""
    rows = [row for row, _ in _of(asked, quotes)]
    for row in rows:
        row.lapse(at=at, reason=reason)
    return rows


def _of(asked: Inquiry, quotes: Iterable[Quote]) -> list[tuple[QuoteRound, Quote]]:
    waiting = {row.quote_id: row for row in asked.rounds if row.is_open}
    return [(waiting[quote.id], quote) for quote in quotes if quote.id in waiting]


def _compare(
    asked: Inquiry, row: QuoteRound, former: Quote, new: Quote, at: datetime
) -> QuoteRound:
    assert new.price is not None
    assert former.price is not None
    sign = 1 if asked.one.order.side == "buy" else -1
    word = row.worsen
    if sign * (new.price - row.street_price) <= 0:
        word = row.accept
    elif new.price == former.price:
        word = row.hold
    elif sign * (new.price - former.price) < 0:
        word = row.improve
    word(answer_id=new.id, at=at)
    return row
