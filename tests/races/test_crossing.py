"""Many hands at orders that cross: both sides or neither, and never more than there is."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pytest
from django.db.models import Sum

from oms_site.firm import generation
from oms_site.kit import clock
from orders import crossing, desk, routing
from orders.models import Cross, Execution, Order
from tests import policies, trading
from tests.market import Venue, clean_shelf
from tests.races.racing import race, same

D = Decimal
pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(autouse=True)
def _market(committed_sandbox: object) -> Iterator[None]:
    with clean_shelf():
        for name in ("SIMA", "SIMB"):
            Venue(name).begin()
        yield


def allow(way: str) -> None:
    policies.agreed(preset="full", rules={"internal_cross": way}, at=clock.now())
    generation.check()


def submit(side: str, account: str, qty: int, *, staged: bool = False) -> str:
    limit = D("100.5") if side == "buy" else D("98.5")
    return trading.submit(
        side=side, account_id=account, qty=D(qty), limit_price=limit, bypass_auto_execution=staged
    )


def agree() -> None:
    """What holds of all orders and crosses, whoever came first."""
    for order in Order.objects.order_by("id"):
        trading.check_tree(order.id)
        assert order.cum_qty <= order.order_qty
    for cross in Cross.objects.order_by("id"):
        sides = {cross.buy_execution_id: "buy", cross.sell_execution_id: "sell"}
        fills = Execution.objects.filter(pk__in=sides).select_related("order").order_by("id")
        assert {fill.id: fill.order.side for fill in fills} == sides
        assert {(fill.qty, fill.price) for fill in fills} == {(cross.qty, cross.price)}
    assert Execution.objects.filter(source="INTX").count() == 2 * Cross.objects.count()


def crossed(order_id: str) -> Decimal:
    fills = Execution.objects.filter(order_id=order_id, source="INTX")
    return fills.aggregate(total=Sum("qty"))["total"] or D(0)


def test_eight_drains_at_once_cross_every_share_once() -> None:
    allow("routed")
    names = [submit("buy", "alpha-003", 3000) for _ in range(4)]
    names += [submit("sell", "alpha-002", 2000) for _ in range(6)]
    race(*same(crossing.drain, 8))
    while crossing.drain():
        pass
    agree()
    assert sum(crossed(name) for name in names) == 2 * 12_000


def test_eight_routers_at_once_execute_no_share_twice() -> None:
    allow("routed")
    for _ in range(6):
        submit("buy", "alpha-003", 3000)
        submit("sell", "alpha-002", 5000)
    race(*same(partial(routing.drain, limit=3), 8))
    while routing.drain():
        pass
    agree()
    assert Cross.objects.exists()


def test_an_order_that_is_canceled_meanwhile_crosses_or_is_canceled() -> None:
    allow("open")
    for _ in range(6):
        buy = submit("buy", "alpha-003", 3000, staged=True)
        sell = submit("sell", "alpha-002", 3000, staged=True)
        cancel = partial(desk.cancel, [buy], by=trading.person(), at=clock.now())
        race(crossing.drain, cancel, crossing.drain)
        states = {trading.order(name).status for name in (buy, sell)}
        assert states in ({"filled"}, {"canceled", "pending_execution"})
        desk.cancel([sell], by=trading.person(), at=clock.now())
    agree()


def test_an_order_that_is_taken_to_market_meanwhile_is_never_taken_twice() -> None:
    allow("open")
    moved = D(0)
    for _ in range(6):
        buy = submit("buy", "alpha-003", 3000, staged=True)
        sell = submit("sell", "alpha-002", 3000, staged=True)
        take = partial(
            desk.execute, buy, trading.instruction(2000), by=trading.person(), at=clock.now()
        )
        race(crossing.drain, take, crossing.drain, take)
        order = trading.order(buy)
        taken = sum(row.qty for row in order.execution_orders.order_by("id"))
        assert taken <= order.order_qty
        moved += taken
        desk.cancel([buy, sell], by=trading.person(), at=clock.now())
    agree()
    assert moved > 0


def test_a_venue_that_fills_meanwhile_never_makes_it_too_much() -> None:
    allow("open")
    for _ in range(4):
        buy = submit("buy", "alpha-003", 5000, staged=True)
        child = trading.execute(buy, 2000)
        submit("sell", "alpha-002", 3000, staged=True)
        fill = partial(trading.receive, trading.fill(child, 2000, cum=2000))
        race(crossing.drain, fill, crossing.drain)
        crossing.drain()
        order = trading.order(buy)
        assert (order.status, order.cum_qty) == ("filled", D(5000))
    agree()
