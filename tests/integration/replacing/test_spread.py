"""Less of an order that several execution orders work: the newest give up first, none is lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from oms_site.kit import clock
from orders import desk
from orders.models import ExecutionOrder, ReplaceLeg, VenueOrder
from tests import policies, trading
from tests.integration.replacing import story
from tests.market import Venue, clean_shelf
from venues.messages import CancelReject, ExecType, OrdStatus

D = Decimal


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _worked(*sizes: int, qty: int = 10_000) -> tuple[str, list[VenueOrder]]:
    order_id = trading.submit(qty=D(qty), bypass_auto_execution=True)
    children = [trading.execute(order_id, size) for size in sizes]
    trading.receive(*(trading.report(child, ExecType.NEW) for child in children))
    return order_id, children


def _leg(child: VenueOrder) -> ReplaceLeg:
    return ReplaceLeg.objects.get(venue_order=child)


def _took(child: VenueOrder, **changes: Any) -> Any:
    leg = _leg(child)
    return trading.report(
        child,
        ExecType.REPLACED,
        cl_ord_id=leg.id,
        orig_cl_ord_id=child.id,
        order_qty=leg.qty,
        leaves_qty=leg.qty,
        **changes,
    )


def _gone(child: VenueOrder, cum: int = 0) -> Any:
    return trading.report(
        child,
        ExecType.CANCELED,
        ord_status=OrdStatus.CANCELED,
        cl_ord_id=_leg(child).id,
        orig_cl_ord_id=child.id,
        cum_qty=D(cum),
        leaves_qty=D(0),
    )


def _refused(child: VenueOrder) -> CancelReject:
    leg = _leg(child)
    return CancelReject(
        seq=trading.next_seq(),
        order_id=f"V-{child.id}",
        cl_ord_id=leg.id,
        orig_cl_ord_id=child.id,
        ord_status=OrdStatus.NEW,
        cxl_rej_reason=99,
        transact_time=leg.created_at,
        response_to="2",
        text="no",
    )


def _rows(order_id: str) -> list[tuple[Decimal, str]]:
    rows = ExecutionOrder.objects.filter(order_id=order_id).order_by("created_at", "id")
    return [(row.leaves_qty, str(row.status)) for row in rows]


def test_the_newest_give_up_first_and_the_oldest_is_not_touched() -> None:
    order_id, (first, second, third) = _worked(5000, 3000, 2000)
    assert story.amend(order_id, qty=7000).outcome == "pending"
    assert not ReplaceLeg.objects.filter(venue_order=first).exists()
    assert (_leg(second).qty, _leg(second).emulated) == (D(2000), False)
    # All of the newest is let go: canceled, because nothing is replaced by nothing.
    assert (_leg(third).qty, _leg(third).emulated) == (D(0), True)
    trading.receive(_took(second), _gone(third))
    one = story.order(order_id)
    assert (one.order_qty, one.leaves_qty, one.pending, one.revision) == (D(7000), D(7000), "", 2)
    assert str(one.status) == "pending_execution"
    assert _rows(order_id) == [
        (D(5000), "pending_execution"),
        (D(2000), "pending_execution"),
        (D(0), "canceled"),
    ]
    trading.check_tree(order_id)


def test_letting_go_of_a_whole_execution_order_is_all_that_was_asked() -> None:
    order_id, (_, second) = _worked(5000, 5000)
    assert story.amend(order_id, qty=5000).outcome == "pending"
    trading.receive(_gone(second))
    one = story.order(order_id)
    assert (one.order_qty, one.leaves_qty, one.revision) == (D(5000), D(5000), 2)
    assert story.replacement(order_id).status == "replaced"
    trading.check_tree(order_id)


def test_a_fill_before_the_cancel_is_taken_out_of_the_rest() -> None:
    order_id, (first, second) = _worked(5000, 5000)
    assert story.amend(order_id, qty=5000).outcome == "pending"
    trading.receive(trading.fill(second, 1000, cum=1000), _gone(second, cum=1000))
    one = story.order(order_id)
    # The first still has 5,000 at its venue: the order cannot be less than what may still trade.
    assert (one.order_qty, one.cum_qty, one.leaves_qty) == (D(6000), D(1000), D(5000))
    assert story.body(order_id, "replace")["as_asked"] is False
    trading.receive(trading.fill(first, 5000, cum=5000))
    assert str(story.order(order_id).status) == "filled"
    trading.check_tree(order_id)


def test_what_one_venue_refuses_is_what_the_order_has_more() -> None:
    order_id, (_, second, third) = _worked(5000, 3000, 2000)
    story.amend(order_id, qty=7000)
    trading.receive(_gone(third), _refused(second))
    one = story.order(order_id)
    assert (one.order_qty, one.leaves_qty) == (D(8000), D(8000))
    assert story.body(order_id, "replace")["as_asked"] is False
    trading.check_tree(order_id)


def test_all_venues_refuse_and_nothing_has_changed() -> None:
    order_id, (_, second, third) = _worked(5000, 3000, 2000)
    story.amend(order_id, qty=7000)
    trading.receive(_refused(third), _refused(second))
    one = story.order(order_id)
    assert (one.order_qty, one.leaves_qty, one.pending, one.revision) == (
        D(10_000),
        D(10_000),
        "",
        1,
    )
    assert [leaves for leaves, _ in _rows(order_id)] == [D(5000), D(3000), D(2000)]
    trading.check_tree(order_id)


def test_a_cancel_of_the_order_wins_over_what_is_let_go() -> None:
    order_id, (first, second) = _worked(5000, 5000)
    story.amend(order_id, qty=5000)
    desk.cancel([order_id], by=trading.person(), at=story.order(order_id).created_at)
    ends = trading.report(first, ExecType.CANCELED, ord_status=OrdStatus.CANCELED, leaves_qty=D(0))
    trading.receive(_gone(second), ends)
    assert str(story.order(order_id).status) == "canceled"
    assert story.replacement(order_id).status == "rejected"
    trading.check_tree(order_id)


def _sliced() -> tuple[str, VenueOrder, VenueOrder]:
    """One execution order, limit 100.5, at two venues."""
    with clean_shelf():
        books = Venue("SIMA"), Venue("SIMB")
        for book in books:
            book.begin()
        whole = sum((D(b.market.levels(trading.BOND, "1")[0].size) for b in books), D(0))
        order_id = trading.submit(qty=whole, limit_price=D("100.5"), bypass_auto_execution=True)
        asked = trading.instruction(whole, strategy="smart_order_routing", venue_id="")
        desk.execute(order_id, asked, by=trading.person(), at=clock.now())
    first, second = VenueOrder.objects.filter(order_id=order_id).order_by("id")
    return order_id, first, second


def test_less_of_what_is_sliced_over_venues_lets_the_last_slice_go() -> None:
    """One execution order at two venues: its last part is canceled, the first works on."""
    order_id, first, second = _sliced()
    assert story.amend(order_id, qty=first.qty).outcome == "pending"
    assert (_leg(second).qty, _leg(second).emulated) == (D(0), True)
    trading.receive(_gone(second), venue_id=second.venue_id)
    one = story.order(order_id)
    assert (one.order_qty, one.leaves_qty, one.revision) == (first.qty, first.qty, 2)
    assert _rows(order_id) == [(first.qty, "pending_execution")]
    trading.check_tree(order_id)


@pytest.mark.parametrize("first_answers_first", [True, False])
def test_a_tighter_limit_that_every_venue_took_is_the_orders(first_answers_first: bool) -> None:
    """What worked at the looser limit is gone: no venue has it any more."""
    order_id, first, second = _sliced()
    story.amend(order_id, qty=first.qty, limit_price=D("100.2"))
    said = [(_took(first), first), (_gone(second), second)]
    for answer, child in said if first_answers_first else reversed(said):
        trading.receive(answer, venue_id=child.venue_id)
    one = story.order(order_id)
    assert (one.order_qty, one.limit_price, one.revision) == (first.qty, D("100.2"), 2)
    (row,) = ExecutionOrder.objects.filter(order_id=order_id)
    assert row.limit_price == D("100.2")
    assert story.body(order_id, "replace")["as_asked"] is True
    trading.check_tree(order_id)
