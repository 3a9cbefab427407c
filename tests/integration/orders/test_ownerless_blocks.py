"""A block whose allocation was canceled: nothing is executed; what comes all the same is seen."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from allocations import holdings
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import breaks, clearances, desk, lots, routing
from orders.models import AllocationDue, Break, ExecutionOrder, Order
from orders.requests import AccountAsk, AllocationAsk
from tests import trading

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


def block(**changes: Any) -> Order:
    """An order to buy 3,000 for two accounts."""
    parts = {"alpha-002": D(2000), "alpha-003": D(1000)}
    accounts = tuple(AccountAsk(account_id=name, qty=qty) for name, qty in parts.items())
    asked = AllocationAsk(strategy="fifo_without_averaging", accounts=accounts)
    order_id = trading.submit(account_id=None, allocation=asked, **changes)
    return Order.objects.get(pk=order_id)


def abandon(order: Order) -> None:
    """Somebody withdraws its allocation."""
    assert order.allocation_id is not None
    done = desk.cancel_allocation(order.allocation_id, by=trading.person(), at=clock.now())
    assert done.refusal == ""


def ownerless(order: Order) -> list[Break]:
    return list(Break.objects.filter(order_id=order.id, kind=lots.OWNERLESS).order_by("id"))


@pytest.mark.parametrize(
    "asked", [{}, {"protocol": "external", "strategy": "external", "venue_id": ""}]
)
def test_no_execution_order_is_made_of_a_block_that_is_for_nobody(asked: dict[str, Any]) -> None:
    order = block(bypass_auto_execution=True)
    abandon(order)
    made = desk.execute(
        order.id, trading.instruction(3000, **asked), by=trading.person(), at=clock.now()
    )
    assert made.error is not None
    assert (made.error.code, made.error.status) == ("allocation_canceled", 409)
    assert not ExecutionOrder.objects.filter(order_id=order.id).exists()
    last = Event.objects.filter(subject=order.id).order_by("-seq").first()
    assert last is not None
    assert last.event_type == "execution_order_reject"


def test_nor_is_it_routed_by_itself() -> None:
    order = block()
    abandon(order)
    routing.drain()
    assert not ExecutionOrder.objects.filter(order_id=order.id).exists()
    left = Order.objects.get(pk=order.id)
    assert (left.status, left.route_at) == ("pending_execution", None)
    told = Event.objects.get(subject=order.id, event_type="stage")
    assert "allocation was canceled" in str(told.body)


def test_blocks_that_are_for_somebody_go_on_and_cost_one_query_together(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    orders = [block(bypass_auto_execution=True) for _ in range(3)]
    abandon(orders[1])
    with django_assert_num_queries(3):
        cleared = clearances.of(orders)
    assert set(cleared) == {orders[0].id, orders[2].id}
    single = Order.objects.get(pk=trading.submit(bypass_auto_execution=True))
    with django_assert_num_queries(2):
        assert set(clearances.of([single])) == {single.id}


def test_what_is_filled_all_the_same_lies_in_suspense_with_a_break_of_its_own() -> None:
    order = block(bypass_auto_execution=True)
    child = trading.execute(order.id, 3000)
    abandon(order)
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    (first,) = ownerless(order)
    assert (first.organization_id, first.evidence["account_id"]) == ("alpha", "suspense:alpha")
    assert D(first.evidence["qty"]) == 1000
    trading.receive(trading.fill(child, 2000, cum=3000))
    lots.drain()
    assert len(ownerless(order)) == 2
    assert list(holdings.positions([holdings.suspense("alpha")]).values()) == [D(3000)]
    trading.check_tree(order.id)


def test_a_break_that_two_people_closed_is_not_opened_again_for_the_same_fill() -> None:
    order = block(bypass_auto_execution=True)
    child = trading.execute(order.id, 3000)
    abandon(order)
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    (found,) = ownerless(order)
    breaks.propose(
        found.id,
        reason_code=Break.Reason.OURS,
        text="moved to alpha-002",
        by=trading.person("alpha_ops"),
        at=clock.now(),
    )
    breaks.decide(found.id, agree=True, by=trading.person("alpha_admin"), at=clock.now())
    AllocationDue.objects.create(order_id=order.id, due_at=clock.now())
    lots.drain()
    assert [one.id for one in ownerless(order)] == [found.id]
