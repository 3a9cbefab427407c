"""Orders that are amended while dealers are asked: pulled back, waited for, and applied after."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from orders import desk
from orders.models import ExecutionOrder, ReplaceLeg, Rfq
from orders.replacing import resuming
from orders.rfq import sweeping
from tests import policies, quoting, trading
from tests.integration.replacing import story
from tests.quoting import BROAD, LOOK, SWIFT
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

D = Decimal
PRICES = ((SWIFT, "99.30"), (BROAD, "99.35"))


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _outcome(order_id: str) -> tuple[Decimal, Decimal, str, int]:
    one = story.order(order_id)
    return one.order_qty, one.leaves_qty, one.pending, one.revision


def _refuse_hit(child: object) -> None:
    assert hasattr(child, "id")
    trading.receive(
        trading.report(
            child,  # type: ignore[arg-type]  # a venue order
            ExecType.REJECTED,
            ord_status=OrdStatus.REJECTED,
            leaves_qty=D(0),
            text="last look",
        ),
        venue_id=quoting.VENUE,
    )


def test_a_smaller_order_pulls_back_what_its_criteria_ask_and_keeps_the_order_open() -> None:
    order_id = quoting.staged(qty=D(10_000))
    made = quoting.automatic(order_id, 10_000, min_quotes=3)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.quoted(rfq, PRICES)
    assert story.amend(order_id, qty=4000).outcome == "replaced"
    assert quoting.fresh(rfq).status == "canceled"
    row = ExecutionOrder.objects.get(pk=made.execution_order_id)
    assert (str(row.status), row.reason) == ("canceled", "pulled back: the order is amended")
    assert _outcome(order_id) == (D(4000), D(4000), "", 2)
    assert str(story.order(order_id).status) == "pending_execution"
    # Dealers are told that nobody wants their quotes any more: AJ with 694=6.
    assert Outbound.objects.filter(kind="AJ6").count() == 1
    trading.check_tree(order_id)


def test_a_pulled_back_inquiry_never_falls_back_to_the_book() -> None:
    order_id = quoting.staged(qty=D(10_000))
    quoting.automatic(order_id, 10_000, min_quotes=3, fallback="sor")
    story.amend(order_id, qty=4000)
    sweeping.sweep()
    assert not Outbound.objects.filter(kind="D").exists()
    assert story.order(order_id).leaves_qty == D(4000)


def test_quotes_asked_for_by_hand_stay_while_they_fit_and_go_when_they_do_not() -> None:
    order_id = quoting.staged(qty=D(10_000))
    small, large = quoting.ask(order_id, qty=D(3000)), quoting.ask(order_id, qty=D(8000))
    quotes = quoting.quoted(small, PRICES)
    assert story.amend(order_id, qty=5000).outcome == "replaced"
    assert quoting.fresh(large).status == "canceled"
    assert quoting.fresh(small).status == "quoting"
    assert quoting.hit(quotes[SWIFT]).error is None


def test_a_looser_limit_keeps_the_quotes_and_lets_them_be_hit() -> None:
    order_id = quoting.staged(qty=D(3000), limit_price=D("99.2"))
    rfq = quoting.ask(order_id)
    quote = quoting.quoted(rfq, PRICES)[SWIFT]
    refused = quoting.hit(quote).error
    assert refused is not None
    assert refused.code == "quote_worse_than_limit"
    assert story.amend(order_id, limit_price="99.4").outcome == "replaced"
    assert quoting.hit(quote).error is None


def test_criteria_follow_a_new_limit_without_asking_again() -> None:
    order_id = quoting.staged(qty=D(3000), limit_price=D("99.2"))
    made = quoting.automatic(order_id, 3000)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.quoted(rfq, PRICES)
    sweeping.sweep()
    assert quoting.fresh(rfq).status == "quoting"
    assert story.amend(order_id, limit_price="99.4").outcome == "replaced"
    row = ExecutionOrder.objects.get(pk=made.execution_order_id)
    assert (row.limit_price, row.qty) == (D("99.4"), D(3000))
    late = quoting.said(rfq, LOOK, "99.33")
    quoting.hear(late)
    sweeping.sweep()
    assert quoting.fresh(rfq).status == "executing"


@pytest.mark.parametrize("answer", ["fills", "refuses"])
def test_a_hit_is_waited_for_and_then_the_new_terms_are_applied(answer: str) -> None:
    order_id = quoting.staged(qty=D(10_000))
    rfq = quoting.ask(order_id, qty=D(4000))
    made = quoting.hit(quoting.quoted(rfq, PRICES)[SWIFT])
    assert story.amend(order_id, qty=6000, limit_price="99.6").outcome == "pending"
    assert _outcome(order_id) == (D(10_000), D(10_000), "replace", 1)
    assert resuming.sweep() == 0
    assert "replace_wait" in story.told(order_id)
    # Nobody can hit or ask meanwhile.
    again = desk.execute(
        order_id,
        trading.instruction(1000),
        by=trading.person(),
        at=story.order(order_id).created_at,
    )
    assert again.error is not None
    assert again.error.code == "order_pending_replace"
    child = quoting.child(made)
    if answer == "fills":
        trading.receive(trading.fill(child, 4000, cum=4000), venue_id=quoting.VENUE)
    else:
        _refuse_hit(child)
    assert resuming.sweep() == 1
    left = D(2000) if answer == "fills" else D(6000)
    assert _outcome(order_id) == (D(6000), left, "", 2)
    assert story.order(order_id).limit_price == D("99.6")
    assert resuming.sweep() == 0
    trading.check_tree(order_id)


def test_a_dealer_that_fills_more_than_was_to_be_leaves_the_old_terms() -> None:
    order_id = quoting.staged(qty=D(10_000))
    made = quoting.hit(quoting.quoted(quoting.ask(order_id), PRICES)[SWIFT])
    assert story.amend(order_id, qty=4000).outcome == "pending"
    child = quoting.child(made)
    trading.receive(trading.fill(child, 10_000, cum=10_000), venue_id=quoting.VENUE)
    resuming.sweep()
    one = story.order(order_id)
    assert (str(one.status), one.pending, one.amending, one.revision) == ("filled", "", "", 1)
    assert story.replacement(order_id).status == "rejected"
    assert "replace_reject" in story.told(order_id)


def test_criteria_whose_hit_is_refused_end_and_the_new_terms_are_applied() -> None:
    order_id = quoting.staged(qty=D(10_000))
    made = quoting.automatic(order_id, 10_000, fallback="sor")
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quoting.quoted(rfq, PRICES)
    sweeping.sweep()
    assert quoting.fresh(rfq).status == "executing"
    assert story.amend(order_id, qty=6000).outcome == "pending"
    _refuse_hit(quoting.child(made))
    sweeping.sweep()
    resuming.sweep()
    assert _outcome(order_id) == (D(6000), D(6000), "", 2)
    assert quoting.fresh(rfq).status == "canceled"
    assert not Outbound.objects.filter(kind="D").exists()
    trading.check_tree(order_id)


def test_a_cancel_while_a_dealer_decides_wins_over_the_amendment() -> None:
    order_id = quoting.staged(qty=D(10_000))
    made = quoting.hit(quoting.quoted(quoting.ask(order_id), PRICES)[SWIFT])
    story.amend(order_id, qty=6000)
    desk.cancel([order_id], by=trading.person(), at=story.order(order_id).created_at)
    assert resuming.sweep() == 0
    _refuse_hit(quoting.child(made))
    resuming.sweep()
    assert str(story.order(order_id).status) == "canceled"
    assert story.replacement(order_id).code == "order_ended"


def test_an_inquiry_goes_before_what_a_venue_works() -> None:
    order_id = quoting.staged(qty=D(10_000))
    child = trading.execute(order_id, 4000)
    trading.receive(trading.report(child, ExecType.NEW))
    made = quoting.automatic(order_id, 6000, min_quotes=3)
    assert story.amend(order_id, qty=4000).outcome == "replaced"
    assert ReplaceLeg.objects.count() == 0
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    assert rfq.status == "canceled"
    assert _outcome(order_id) == (D(4000), D(4000), "", 2)
    trading.check_tree(order_id)


def test_every_attempt_with_an_inquiry_is_in_the_history() -> None:
    order_id = quoting.staged(qty=D(10_000))
    quoting.hit(quoting.quoted(quoting.ask(order_id), PRICES)[SWIFT])
    story.amend(order_id, qty=6000)
    second = story.amend(order_id, qty=5000)
    assert second.error is not None
    assert second.error.code == "replacement_pending"
    assert [one for one in story.told(order_id) if one.startswith("replace_")] == [
        "replace_request",
        "replace_cleared",
        "replace_wait",
        "replace_request",
        "replace_reject",
    ]
