"""Inquiries against a referee that keeps only what was said, in which order.

Random stories go through the real door on PostgreSQL. The referee knows no states: it computes from
the story which quote may be hit, and what must have become of every one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk
from orders.models import Quote, Rfq, VenueOrder
from orders.rfq import sweeping
from tests import effort, quoting, trading
from tests.properties.test_journal_fold import fold, stored
from venues.messages import ExecType, OrdStatus

D = Decimal
DEALERS = (quoting.SWIFT, quoting.BROAD, quoting.LOOK)
TABLES = ("orders_rfq", "orders_quote", "orders_quoteround")
LIMIT = D("99.5")
START = 40  # seconds an inquiry lives
step = st.one_of(
    st.tuples(st.just("quote"), st.integers(0, 2), st.sampled_from(["99.1", "99.3", "99.7"])),
    st.tuples(st.just("pass"), st.integers(0, 2), st.just("")),
    st.tuples(st.just("counter"), st.integers(0, 2), st.just("")),
    st.tuples(st.just("withdraw"), st.integers(0, 2), st.just("")),
    st.tuples(st.just("hit"), st.integers(0, 2), st.just("")),
    st.tuples(st.just("decide"), st.booleans(), st.just("")),
    st.tuples(st.just("sleep"), st.integers(1, 12), st.just("")),
    st.tuples(st.just("cancel"), st.just(0), st.just("")),
)


@dataclass
class Said:
    """One price as the referee remembers it."""

    px: Decimal
    until: datetime
    good: bool = True


@dataclass
class Referee:
    """Facts only: the last price of each dealer, what waits, what traded."""

    ends: datetime
    last: dict[str, Said] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    waiting: str = ""
    traded: Decimal | None = None
    over: bool = False

    def may_hit(self, dealer: str, at: datetime) -> bool:
        said = self.last.get(dealer)
        if said is None or self.over or self.waiting or self.traded is not None:
            return False
        return said.good and at < min(said.until, self.ends) and said.px <= LIMIT


@pytest.mark.usefixtures("sandbox")
@pytest.mark.django_db
@settings(
    max_examples=effort.examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=st.lists(step, min_size=1, max_size=14))
def test_an_inquiry_does_what_was_said_and_nothing_else(story: list[tuple[str, int, str]]) -> None:
    with trading.for_this_example():
        at = clock.now()
        with clock.frozen_at(at):
            order_id = quoting.staged(limit_price=LIMIT, explicit_cancelation_required=True)
            rfq = quoting.ask(order_id, expire_time=at + timedelta(seconds=START))
        referee = Referee(rfq.expires_at)
        for what, which, price in story:
            at += timedelta(seconds=which if what == "sleep" else 0)
            with clock.frozen_at(at):
                _play(rfq, referee, what, which, price, at)
                _compare(rfq, referee, order_id)
        mine = Event.objects.filter(subject__in=[rfq.id, order_id]).order_by("pk")
        rows, versions = fold(list(mine))
        kept = {k: v for k, v in stored().items() if k[0] in TABLES}
        mine_folded = {k: _present(v) for k, v in rows.items() if k in kept}
        assert mine_folded == kept
        assert all(seen == list(range(1, len(seen) + 1)) for seen in versions.values())


def _present(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if value is not None}


def _play(rfq: Rfq, referee: Referee, what: str, which: int, price: str, at: datetime) -> None:
    dealer = DEALERS[which % 3]
    if what == "quote":
        said = quoting.said(rfq, dealer, price, valid=15)
        quoting.hear(said)
        good = not referee.over and referee.traded is None
        if dealer in referee.last and referee.waiting != dealer:
            referee.last[dealer].good = False
        if referee.waiting != dealer:
            referee.last[dealer] = Said(D(price), said.valid_until_time, good)
    elif what == "pass":
        quoting.hear(quoting.passing(rfq, dealer))
        referee.passed.add(dealer)
        if dealer in referee.last and referee.waiting != dealer:
            referee.last[dealer].good = False
        if not referee.waiting and referee.passed >= set(DEALERS):
            referee.over = True
    elif what == "withdraw":
        quote = quoting.quotes(rfq).get(dealer)
        if quote is not None and quote.quote_ref:
            quoting.hear(quoting.withdrawal(quote))
            if referee.waiting != dealer:
                referee.last[dealer].good = False
    elif what == "counter":
        _counter(rfq, referee, dealer, at)
    elif what == "hit":
        _hit(rfq, referee, dealer, at)
    elif what == "decide":
        _decide(rfq, referee, fills=bool(which))
    elif what == "cancel":
        answer = desk.cancel_rfq(rfq.id, by=trading.person(), at=at)
        late = bool(referee.waiting) or referee.over or referee.traded is not None
        assert (answer.outcome == "refused") == late
        referee.over = referee.over or not late
    else:
        sweeping.sweep()
        # While a hit waits, nothing else of the inquiry ends.
        referee.over = referee.over or (not referee.waiting and at >= referee.ends)


def _hit(rfq: Rfq, referee: Referee, dealer: str, at: datetime) -> None:
    live = Quote.objects.filter(rfq=rfq, dealer_id=dealer, price__isnull=False)
    quote = live.order_by("-received_at", "-id").first()
    if quote is None or referee.waiting == dealer:
        return
    made = quoting.hit(quote)
    assert (made.error is None) == referee.may_hit(dealer, at), made.error
    if made.error is None:
        referee.waiting = dealer
        referee.last[dealer].good = False


def _counter(rfq: Rfq, referee: Referee, dealer: str, at: datetime) -> None:
    quote = Quote.objects.filter(rfq=rfq, dealer_id=dealer, price__isnull=False)
    latest, said = quote.order_by("-received_at", "-id").first(), referee.last.get(dealer)
    if latest is None or latest.price is None or said is None or referee.waiting == dealer:
        return
    idle = not (referee.over or referee.waiting) and referee.traded is None
    may = idle and said.good and at < min(said.until, referee.ends)
    asked = min(latest.price, LIMIT) - D("0.05")
    made = _made(lambda: desk.counter(rfq.id, latest.id, price=asked, by=trading.person(), at=at))
    assert made == may
    if made:
        said.good = False


def _made(act: Callable[[], object]) -> bool:
    try:
        act()
    except OmsError:
        return False
    return True


def _decide(rfq: Rfq, referee: Referee, *, fills: bool) -> None:
    if not referee.waiting:
        return
    child = VenueOrder.objects.get(order_id=rfq.order_id, status="pending_new")
    if fills:
        px = referee.last[referee.waiting].px
        quoting.hear(trading.fill(child, 3000, cum=3000, last_px=px))
        referee.traded = px
    else:
        refusal = trading.report(child, ExecType.REJECTED, ord_status=OrdStatus.REJECTED)
        quoting.hear(refusal)
    referee.waiting = ""


def _compare(rfq: Rfq, referee: Referee, order_id: str) -> None:
    now = quoting.fresh(rfq)
    order = trading.order(order_id)
    assert order.cum_qty == (3000 if referee.traded is not None else 0)
    assert (now.status == "executing") == bool(referee.waiting)
    assert (now.status == "executed") == (referee.traded is not None)
    if referee.over and referee.traded is None and not referee.waiting:
        assert not now.is_open
    quotes = list(now.quotes.all())
    assert sum(quote.status in ("hit", "done") for quote in quotes) <= 1
    if not now.is_open:
        assert not any(quote.status in ("active", "countered", "hit") for quote in quotes)
    trading.check_tree(order_id)
