"""Fills of both legs, their routing and their settling at the same moment, on real connections."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from oms_site.kit import clock
from orders import reports, routing, triggers
from orders.contingent import settling
from orders.models import Break, Execution, Order, OrderListWatch, VenueOrder
from tests import policies, trading
from tests.integration.orders import lists
from tests.races.racing import race, same
from venues import inbox

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]
D = Decimal


@pytest.fixture(autouse=True)
def everything_is_allowed(committed_sandbox: object) -> None:
    policies.agreed(preset="full", at=clock.now() - timedelta(days=1))


def _apply() -> int:
    rows = inbox.contiguous(trading.VENUE, limit=100)
    reports.apply(trading.VENUE, rows)
    return len(rows)


def _drain() -> int:
    return settling.drain() + triggers.drain() + routing.drain()


def test_a_fill_of_one_leg_and_the_price_of_the_other_at_once_never_sell_twice() -> None:
    for filled in (D(4_000), D(10_000)):
        profit, loss = lists.made("oco", lists.profit(), lists.loss())
        lists.settle()
        resting = lists.child(profit)
        with clock.frozen_at(clock.now() + timedelta(seconds=1)):
            lists.quote("97.9", "98.1")
            trading.store(trading.fill(resting, filled, cum=filled, side="2"))
            race(_apply, *same(_drain, 5))
            lists.settle()
            assert not VenueOrder.objects.filter(order_id=loss).exists()
            asked = VenueOrder.objects.get(pk=resting.pk)
            if asked.cancel_cl_ord_id and asked.status != "filled":
                lists.canceled(resting)
            race(*same(_drain, 6))
            lists.settle()
        out = VenueOrder.objects.filter(order_id=loss).aggregate(qty=Sum("qty"))["qty"] or D(0)
        assert out == D(10_000) - filled
        assert Order.objects.get(pk=profit).cum_qty == filled
        lists.quote("100", "100.2")
    assert not Break.objects.filter(kind=settling.EXCESS).exists()


def test_an_entry_that_fills_in_pieces_while_everybody_settles_lets_go_exactly_as_much() -> None:
    entry, profit, loss = lists.made("bracket", lists.ask(), lists.profit(), lists.loss())
    lists.settle()
    row = lists.child(entry)
    for n in range(1, 6):
        trading.store(trading.fill(row, 2_000, cum=2_000 * n))
        race(_apply, *same(_drain, 4))
    lists.settle()
    sent = VenueOrder.objects.filter(order_id=profit).aggregate(qty=Sum("qty"))["qty"]
    assert sent == Order.objects.get(pk=entry).cum_qty == D(10_000)
    assert not VenueOrder.objects.filter(order_id=loss).exists()
    assert Execution.objects.filter(order_id=entry).count() == 5
    watch = OrderListWatch.objects.get()
    versions = Order.objects.filter(order_list_id=watch.order_list_id)
    assert watch.seen == versions.aggregate(sum=Sum("version"))["sum"]
