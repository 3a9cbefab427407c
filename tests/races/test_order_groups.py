"""An order group under many fills and many submitters at once, over real connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

import pytest

from controls import order_groups
from controls.models import OrderGroup
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, halting, reports
from orders.models import Order, VenueOrder
from tests import trading
from tests.races.racing import race, same
from venues import inbox
from venues.messages import ExecType


def _group(limit: int) -> OrderGroup:
    row, _ = order_groups.create(
        name="race", limit_qty=Decimal(limit), window_s=15, by=trading.person(), at=clock.now()
    )
    return row


def _resting(group: OrderGroup, number: int) -> list[VenueOrder]:
    children = []
    for n in range(number):
        child = trading.routed(order_group_id=group.id, qty=Decimal(2000 + n * 1000))
        trading.receive(trading.report(child, ExecType.NEW))
        children.append(child)
    return children


def _fills(children: Sequence[VenueOrder]) -> list[Callable[[], str]]:
    """One runner per fill: the reports have reached us and are applied side by side."""
    trading.store(*(trading.fill(child, 1000, cum=1000) for child in children))
    rows = inbox.contiguous(trading.VENUE, limit=10_000)[-len(children) :]
    return [partial(_apply, row) for row in rows]


def _apply(row: inbox.Stored) -> str:
    reports.apply(trading.VENUE, [row])
    return "filled"


def _submit(group: OrderGroup) -> str:
    (result,) = desk.submit([trading.request(order_group_id=group.id, qty=Decimal(9000))])
    assert result.error is None
    return result.order_id


@pytest.mark.parametrize("round_", range(3))
def test_the_limit_counts_exactly_however_many_report_at_once(
    committed_sandbox: datetime, round_: int
) -> None:
    exactly, beyond = _group(6000), _group(5000)
    children = [*_resting(exactly, 6), *_resting(beyond, 6)]
    race(*_fills(children))
    assert OrderGroup.objects.get(pk=exactly.pk).status == "open"
    locked = OrderGroup.objects.get(pk=beyond.pk)
    assert (locked.status, locked.locks, locked.locked_qty) == ("locked", 1, Decimal(6000))


@pytest.mark.parametrize("round_", range(3))
def test_no_order_slips_into_a_group_while_it_locks(
    committed_sandbox: datetime, round_: int
) -> None:
    group = _group(1500)
    children = _resting(group, 2)
    race(*_fills(children), *same(partial(_submit, group), 6))
    assert OrderGroup.objects.get(pk=group.pk).status == "locked"
    lock = Event.objects.get(event_type="order_group_lock")
    passed = Order.objects.filter(order_group_id=group.id, status="pending_execution")
    approvals = Event.objects.filter(
        event_type="approve", subject__in=list(passed.values_list("pk", flat=True))
    )
    assert all(event.id < lock.id for event in approvals)
    while halting.drain_groups():
        pass
    left = Order.objects.filter(order_group_id=group.id).exclude(pending="cancel")
    assert set(left.values_list("status", flat=True)) <= {"canceled", "rejected"}
    assert trading.order(_submit(group)).reject_code == "kill_switch"


def test_many_drains_and_fills_hold_each_other_up_for_nothing(committed_sandbox: datetime) -> None:
    group = _group(1500)
    children = _resting(group, 6)
    race(*_fills(children), *same(_drain, 3))
    _drain()
    orders = Order.objects.filter(pk__in=[child.order_id for child in children])
    assert set(orders.values_list("pending", flat=True)) == {"cancel"}
    asked = Event.objects.filter(event_type="cancel_request", subject__in=orders)
    assert asked.count() == len(children)


def _drain() -> str:
    while halting.drain_groups():
        pass
    return "drained"
