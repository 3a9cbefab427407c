"""Amendments that meet fills, cancels, each other and a halt, on connections of their own."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from controls import halts
from oms_site.kit import clock
from orders import desk, halting
from orders.models import Order, Replacement, VenueOrder
from orders.replacing import resuming
from tests import policies, quoting, trading
from tests.integration.replacing import story
from tests.quoting import SWIFT
from tests.races.racing import race, same
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]
D = Decimal
TIMES = 4


@pytest.fixture(autouse=True)
def amendments_are_allowed(committed_sandbox: Any) -> None:
    policies.agreed(preset="full", at=clock.now() - timedelta(days=1))


def _amend(order_id: str, **changes: Any) -> str:
    made = story.amend(order_id, **changes)
    return made.error.code if made.error else made.outcome


def _settled(order_id: str) -> Order:
    """The order once everybody has answered, with nothing pending and nothing worked twice."""
    one = story.order(order_id)
    assert (one.pending, one.amending) == ("", "")
    assert not Replacement.objects.filter(order=one, status="pending").exists()
    trading.check_tree(order_id)
    return one


def test_an_amendment_and_a_fill_at_once_count_the_fill_and_the_new_whole() -> None:
    for _ in range(TIMES):
        order_id, child = story.working(10_000)
        filled = trading.fill(child, 4000, cum=4000)
        asked, _ = race(partial(_amend, order_id, qty=6000), partial(trading.receive, filled))
        assert asked == "pending"
        trading.receive(story.replaced(order_id))
        one = _settled(order_id)
        assert (one.order_qty, one.cum_qty, one.leaves_qty) == (D(6000), D(4000), D(2000))


def test_an_amendment_and_the_last_fill_at_once_never_reopen_or_lose_a_share() -> None:
    for _ in range(TIMES):
        order_id, child = story.working(10_000)
        filled = trading.fill(child, 10_000, cum=10_000)
        asked, _ = race(partial(_amend, order_id, qty=6000), partial(trading.receive, filled))
        assert asked in {"pending", "order_closed"}
        if asked == "pending":
            trading.receive(story.refused(order_id, reason=0))
        one = _settled(order_id)
        assert (str(one.status), one.cum_qty, one.order_qty) == ("filled", D(10_000), D(10_000))


def test_an_amendment_and_a_cancel_at_once_end_canceled() -> None:
    for _ in range(TIMES):
        order_id, child = story.working(10_000)
        cancel = partial(desk.cancel, [order_id], by=trading.person(), at=clock.now())
        asked, _ = race(partial(_amend, order_id, qty=6000), cancel)
        assert asked in {"pending", "order_pending_cancel"}
        name = VenueOrder.objects.get(pk=child.pk).cancel_cl_ord_id
        trading.receive(
            trading.report(
                child,
                ExecType.CANCELED,
                ord_status=OrdStatus.CANCELED,
                cl_ord_id=name,
                orig_cl_ord_id=child.id,
                leaves_qty=D(0),
            )
        )
        one = _settled(order_id)
        assert (str(one.status), one.leaves_qty) == ("canceled", D(0))


def test_of_eight_amendments_at_once_one_is_sent_and_all_are_kept() -> None:
    order_id, _ = story.working(10_000)
    answers = race(*(partial(_amend, order_id, qty=11_000 + n * 1000) for n in range(8)))
    assert Counter(answers) == {"pending": 1, "replacement_pending": 7}
    assert Outbound.objects.filter(kind="G").count() == 1
    kept = list(Replacement.objects.filter(order_id=order_id).order_by("revision"))
    assert [row.revision for row in kept] == list(range(2, 10))
    assert Counter(str(row.status) for row in kept) == {"pending": 1, "rejected": 7}
    (winner,) = (row for row in kept if str(row.status) == "pending")
    trading.receive(story.replaced(order_id))
    one = _settled(order_id)
    assert (one.revision, one.order_qty) == (winner.revision, winner.order_qty)


def test_the_same_amendment_twice_at_once_is_one() -> None:
    order_id, _ = story.working(10_000)
    answers = race(*same(partial(_amend, order_id, qty=12_000, client_amend_id="once"), 4))
    assert set(answers) == {"pending"}
    assert Replacement.objects.filter(order_id=order_id).count() == 1
    assert Outbound.objects.filter(kind="G").count() == 1


def _halt() -> str:
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    halts.engage(target, reason="a race", cancels=True, by=by, at=clock.now())
    return "engaged"


def test_amendments_and_a_halt_at_once_stop_every_order_and_lose_nothing() -> None:
    worked = [story.working(10_000) for _ in range(5)]
    asks = [partial(_amend, order_id, qty=12_000) for order_id, _ in worked]
    *asked, _ = race(*asks, _halt)
    assert set(asked) <= {"pending", "kill_switch"}
    assert _amend(worked[0][0], qty=13_000) in {"kill_switch", "replacement_pending"}
    while halting.drain():
        pass
    for order_id, child in worked:
        assert story.order(order_id).pending == "cancel"
        name = VenueOrder.objects.get(pk=child.pk).cancel_cl_ord_id
        ended = {"ord_status": OrdStatus.CANCELED, "leaves_qty": D(0)}
        gone = trading.report(
            child, ExecType.CANCELED, cl_ord_id=name, orig_cl_ord_id=child.id, **ended
        )
        trading.receive(gone)
        one = _settled(order_id)
        assert (str(one.status), one.order_qty) == ("canceled", D(10_000))


def test_an_amendment_and_a_hit_at_once_never_let_a_dealer_have_more_than_the_order() -> None:
    for _ in range(TIMES):
        order_id = quoting.staged(qty=D(10_000))
        quote = quoting.quoted(quoting.ask(order_id), [(SWIFT, "99.30")])[SWIFT]
        asked, made = race(partial(_amend, order_id, qty=4000), partial(quoting.hit, quote))
        error = getattr(made, "error", None)
        code = error.code if error else ""
        if asked == "replaced":
            assert code == "quote_canceled"
        else:
            assert (asked, code) == ("pending", "")
            child = VenueOrder.objects.get(order_id=order_id)
            fill = trading.fill(child, 10_000, cum=10_000)
            race(partial(trading.receive, fill, venue_id=quoting.VENUE), resuming.sweep)
            resuming.sweep()
        one = _settled(order_id)
        assert one.cum_qty <= one.order_qty
