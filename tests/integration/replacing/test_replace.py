"""An order's terms change by a revision: asked, controlled, answered by the venue, in force."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from orders.models import ExecutionOrder, OrderTerms, Replacement, VenueOrder
from tests import policies, trading
from tests.integration.replacing import story
from venues import connection, transmission
from venues.messages import ExecType, OrdStatus, StatusRequest

D = Decimal


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def test_an_accepted_replace_changes_the_order_and_everything_below_it() -> None:
    order_id, child = story.working(10_000)
    result = story.amend(order_id, qty=12_000, limit_price="99.6")
    assert (result.error, result.outcome) == (None, "pending")
    (message,) = story.sent("G")
    assert (message.orig_cl_ord_id, message.order_qty, message.price) == (
        child.id,
        D(12_000),
        D("99.6"),
    )
    before = story.order(order_id)
    assert (before.order_qty, before.pending, before.revision) == (D(10_000), "replace", 1)
    assert (before.asked_qty, before.asked_price) == (D(12_000), D("99.6"))
    trading.receive(story.replaced(order_id))
    order = story.order(order_id)
    assert (order.order_qty, order.limit_price, order.leaves_qty) == (
        D(12_000),
        D("99.6"),
        D(12_000),
    )
    assert (order.revision, order.pending, order.amending) == (2, "", "")
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert (row.qty, row.limit_price, row.order_version) == (D(12_000), D("99.6"), 2)
    now = VenueOrder.objects.get(pk=child.pk)
    assert (now.qty, now.limit_price, now.current_cl_ord_id) == (
        D(12_000),
        D("99.6"),
        message.cl_ord_id,
    )
    assert [t.revision for t in OrderTerms.objects.order_by("revision")] == [1, 2]
    trading.check_tree(order_id)
    assert story.body(order_id, "replace")["as_asked"] is True


def test_a_refused_replace_changes_nothing_and_says_why() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=8000)
    trading.receive(story.refused(order_id, reason=2, text="not today"))
    order = story.order(order_id)
    assert (order.order_qty, order.revision, order.pending, order.asked_qty) == (
        D(10_000),
        1,
        "",
        None,
    )
    row = story.replacement(order_id)
    assert (row.status, row.code, row.reason) == ("rejected", "venue_rejected", "not today")
    assert story.body(order_id, "replace_reject")["reason"] == "not today"
    assert VenueOrder.objects.get(pk=child.pk).pending == ""
    trading.check_tree(order_id)


def test_a_fill_in_flight_counts_and_the_new_quantity_is_the_whole() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    trading.receive(trading.fill(child, 400, cum=400))
    assert story.order(order_id).leaves_qty == D(9600)
    trading.receive(story.replaced(order_id, cum_qty=D(400), leaves_qty=D(11_600)))
    order = story.order(order_id)
    assert (order.leaves_qty, order.cum_qty, str(order.status)) == (
        D(11_600),
        D(400),
        "partially_filled",
    )
    trading.check_tree(order_id)


def test_a_fill_that_completes_it_beats_the_replace() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, limit_price="99.6")
    trading.receive(trading.fill(child, 10_000, cum=10_000))
    trading.receive(story.refused(order_id, reason=0, text="too late"))
    order = story.order(order_id)
    assert (str(order.status), order.pending, order.revision) == ("filled", "", 1)
    assert story.replacement(order_id).code == "too_late"
    trading.check_tree(order_id)


def test_a_venue_that_had_filled_more_than_is_asked_stops_where_it_is() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=5000)
    trading.receive(trading.fill(child, 7000, cum=7000))
    trading.receive(story.replaced(order_id, order_qty=7000))
    order = story.order(order_id)
    assert (str(order.status), order.order_qty, order.leaves_qty) == ("filled", D(7000), D(0))
    assert story.body(order_id, "replace")["as_asked"] is False
    trading.check_tree(order_id)


def test_a_policy_that_does_not_name_it_refuses_and_keeps_the_attempt(sandbox: datetime) -> None:
    policies.agreed(preset="guide", at=sandbox)
    order_id, _ = story.working(10_000)
    result = story.amend(order_id, qty=12_000)
    assert result.error is not None
    assert (result.error.code, result.error.status) == ("amendment_not_allowed", 409)
    assert Replacement.objects.get(order_id=order_id).order_qty == D(12_000)
    assert story.told(order_id)[-2:] == ["replace_request", "replace_reject"]
    assert story.sent("G") == []


def test_a_replace_that_nobody_answers_goes_again_when_its_venue_works_on_the_old_terms() -> None:
    order_id, child = story.working(10_000)
    story.amend(order_id, qty=12_000)
    transmission.take_due(trading.VENUE)
    (doubtful,) = transmission.take_doubtful(trading.VENUE, older_than=timedelta(seconds=-1))
    (asked,) = connection._questions(doubtful)
    # Only the question: what makes a venue trade more goes by the queue, past the last look.
    assert isinstance(asked, StatusRequest)
    assert asked.cl_ord_id == child.current_cl_ord_id
    assert transmission.take_due(trading.VENUE) == []
    says: dict[str, Any] = {"ord_status": OrdStatus.PENDING_REPLACE}
    trading.receive(trading.report(child, ExecType.ORDER_STATUS, **says))
    assert transmission.take_due(trading.VENUE) == []
    trading.receive(trading.report(child, ExecType.ORDER_STATUS))
    assert [row.cl_ord_id for row in transmission.take_due(trading.VENUE)] == [doubtful.cl_ord_id]
    trading.receive(story.replaced(order_id))
    assert story.order(order_id).order_qty == D(12_000)
    trading.receive(trading.report(VenueOrder.objects.get(pk=child.pk), ExecType.ORDER_STATUS))
    assert transmission.take_due(trading.VENUE) == []
