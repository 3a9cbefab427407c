"""Orders that a schedule works are amended: slices follow, none grows, what is due waits."""

from __future__ import annotations

from typing import Any

import pytest

from orders.models import ExecutionOrder, VenueOrder
from tests import scheduling, trading
from tests.integration.replacing import story
from tests.scheduling import D, at, fill, run, sent, staged, started, statuses, working

pytestmark = pytest.mark.usefixtures("sandbox")


def _amend(order_id: str, **changes: Any) -> str:
    result = story.amend(order_id, by=scheduling.TRADER, **changes)
    assert result.error is None, result.error
    return str(result.outcome)


def _worked(slices: int = 1, *, size: int = 1000, **more: Any) -> str:
    """A twap of equal slices, one a minute, some of which rest at the venue."""
    order_id = staged(limit_price=D("99.5"))
    number = 10_000 // size
    started(order_id, remainder="keep", minutes=number, slices=number, **more)
    for n in range(slices):
        run(n)
    assert sent(order_id) == [size] * slices
    return order_id


def _limits(order_id: str) -> set[Any]:
    return {row.limit_price for row in scheduling.execution_orders(order_id)}


def test_more_of_an_order_is_free_and_its_schedule_stays_what_it_was() -> None:
    order_id = _worked()
    assert _amend(order_id, qty=15_000) == "replaced"
    assert [row.qty for row in scheduling.execution_orders(order_id)] == [D(1000)]
    for n in range(1, 10):
        run(n)
    assert sent(order_id) == [1000] * 10
    order = trading.order(order_id)
    assert order.order_qty == D(15_000)
    fill(order_id, 9)
    run(10)
    row = scheduling.now(order_id)
    assert (row.status, row.reason) == ("finished", "complete")
    assert trading.order(order_id).leaves_qty == D(5_000)
    trading.check_tree(order_id)


def test_the_only_slice_of_an_order_never_grows() -> None:
    order_id = staged()
    started(order_id, minutes=1, slices=1, max_slice=D(10_000))
    run(0)
    (child,) = working(order_id)
    assert child.qty == D(10_000)
    assert _amend(order_id, qty=12_000) == "replaced"
    assert [row.qty for row in scheduling.execution_orders(order_id)] == [D(10_000)]
    assert VenueOrder.objects.get(pk=child.pk).qty == D(10_000)
    trading.check_tree(order_id)


def test_less_of_an_order_is_taken_from_what_is_not_sent_first() -> None:
    order_id = _worked(2)
    assert _amend(order_id, qty=3_000) == "replaced"
    assert [child.qty for child in working(order_id)] == [D(1000), D(1000)]
    for n in range(2, 10):
        run(n)
    assert sent(order_id) == [1000] * 3
    assert set(statuses(order_id)[3:]) == {"skipped"}
    fill(order_id, 9)
    run(9.5)
    row = scheduling.now(order_id)
    assert (row.status, row.reason) == ("finished", "order_filled")
    trading.check_tree(order_id)


def test_less_than_what_rests_cuts_the_newest_slice_and_what_is_due_waits_for_the_answer() -> None:
    order_id = _worked(2, size=2000)
    with at(1.5):
        assert _amend(order_id, qty=3_000) == "pending"
    assert story.leg(order_id).qty == D(1000)
    assert run(2) == 0
    assert statuses(order_id)[2] == "planned"
    with at(2):
        trading.receive(story.replaced(order_id))
    first, second = scheduling.execution_orders(order_id)
    assert (first.qty, second.qty) == (D(2000), D(1000))
    assert run(2) == 1
    assert statuses(order_id)[:3] == ["sent", "sent", "skipped"]
    assert sent(order_id) == [2000, 2000]
    fill(order_id, 2)
    assert trading.order(order_id).status == "filled"
    run(3)
    assert scheduling.now(order_id).status == "finished"
    assert statuses(order_id)[:2] == ["filled", "filled"]
    trading.check_tree(order_id)


def test_what_became_due_while_it_was_amended_is_caught_up_within_the_limit() -> None:
    order_id = _worked()
    with at(0.5):
        assert _amend(order_id, limit_price="99.6") == "pending"
    for n in (1, 2, 3):
        assert run(n) == 0
    with at(3.5):
        trading.receive(story.replaced(order_id))
    run(3.6)
    assert statuses(order_id)[:4] == ["sent", "skipped", "skipped", "sent"]
    assert sent(order_id) == [1000, 2000]
    assert _limits(order_id) == {D("99.6")}


def test_slices_follow_a_new_limit_but_never_beyond_their_schedules_own() -> None:
    order_id = _worked(limit_price=D("99.5"))
    assert _amend(order_id, limit_price="99.3") == "pending"
    trading.receive(story.replaced(order_id))
    assert _limits(order_id) == {D("99.3")}
    assert _amend(order_id, limit_price="99.9") == "pending"
    assert story.leg(order_id).limit_price == D("99.5")
    trading.receive(story.replaced(order_id))
    run(1)
    assert _limits(order_id) == {D("99.5")}
    assert trading.order(order_id).limit_price == D("99.9")


def test_a_tighter_limit_reaches_what_rests_and_what_comes() -> None:
    order_id = _worked(limit_price=D("99.4"))
    assert _limits(order_id) == {D("99.4")}
    assert _amend(order_id, limit_price="99.2") == "pending"
    trading.receive(story.replaced(order_id))
    run(1)
    assert _limits(order_id) == {D("99.2")}
    assert ExecutionOrder.objects.filter(order_id=order_id).count() == 2
