"""Bookings that a rule holds back go by themselves when it says so: once, all of what is new."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations.models import Allocation, BookingLeg, ReleaseRule
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import expiry, lots
from orders.models import VenueOrder
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from venues.messages import ExecType, OrdStatus

D = trading.D


def rule(release: str, **conditions: str) -> None:
    ReleaseRule.objects.create(
        organization_id="alpha", name=f"by {release}", release=release, **conditions
    )
    generation.check()


def expired(child: VenueOrder, cum: int) -> None:
    """The day ends; the venue says so."""
    order = trading.order(child.order_id)
    assert order.expires_at is not None
    with clock.frozen_at(order.expires_at):
        expiry.sweep()
        over: dict[str, Any] = {"ord_status": OrdStatus.EXPIRED, "leaves_qty": D(0)}
        trading.receive(trading.report(child, ExecType.EXPIRED, cum_qty=D(cum), **over))
        expiry.sweep()
    assert trading.order(child.order_id).is_terminal


def booked() -> list[Decimal]:
    rows = BookingLeg.objects.filter(reverses=None).order_by("created_at", "id")
    return list(rows.values_list("qty", flat=True))


def releases() -> list[Event]:
    return list(Event.objects.filter(event_type="allocation_release").order_by("id"))


def test_listed_and_filled_is_released_once(sandbox: datetime) -> None:
    rule("close", asset_class="corporate")
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000))
    lots.drain()
    assert (booked(), releases()) == ([], [])
    trading.receive(trading.fill(child, 2000, cum=3000))
    for _ in range(3):
        lots.drain()
    assert sum(booked()) == 3000
    (told,) = releases()
    assert '"release":"close"' in told.body
    assert Allocation.objects.get().released_at is not None


def test_what_is_filled_after_the_close_is_released_too_and_the_rule_fires_no_second_time(
    sandbox: datetime,
) -> None:
    rule("close")
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000))
    expired(child, 1000)
    for _ in range(2):
        lots.drain()
    fired = Allocation.objects.get().released_at
    assert booked() == [1000]
    assert fired is not None
    # The venue tells later of a fill from before the close.
    trading.receive(trading.fill(child, 500, cum=1500, ord_status=OrdStatus.EXPIRED))
    for _ in range(3):
        lots.drain()
    assert booked() == [1000, 500]
    assert len(releases()) == 1
    assert Allocation.objects.get().released_at == fired
    # The same report once more changes nothing.
    lots.drain()
    assert booked() == [1000, 500]


def test_a_late_fill_of_a_block_is_released_once_for_each_account(sandbox: datetime) -> None:
    rule("close")
    accounts = (
        AccountAsk(account_id="alpha-002", qty=D(2000)),
        AccountAsk(account_id="alpha-003", qty=D(1000)),
    )
    allocation = AllocationAsk(strategy="pro_rata_with_averaging", accounts=accounts)
    child = trading.routed(account_id=None, allocation=allocation)
    trading.receive(trading.fill(child, 1500, cum=1500))
    expired(child, 1500)
    lots.drain()
    assert sum(booked()) == 1500
    trading.receive(trading.fill(child, 1500, cum=3000, ord_status=OrdStatus.EXPIRED))
    for _ in range(3):
        lots.drain()
    got: dict[str, Decimal] = {}
    for leg in BookingLeg.objects.filter(reverses=None).select_related("account_allocation"):
        account = leg.account_allocation.account_id
        got[account] = got.get(account, D(0)) + leg.qty
    assert got == {"alpha-002": 2000, "alpha-003": 1000}
    assert len(releases()) == 1


def test_a_rule_by_fill_fires_with_the_first_and_books_each(sandbox: datetime) -> None:
    rule("fill")
    child = trading.routed()
    for n in (1, 2, 3):
        trading.receive(trading.fill(child, 1000, cum=1000 * n))
        lots.drain()
    assert booked() == [1000, 1000, 1000]
    assert len(releases()) == 1


def test_without_a_rule_nothing_is_said_of_a_release(sandbox: datetime) -> None:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    lots.drain()
    assert booked() == [3000]
    assert releases() == []
    assert Allocation.objects.get().released_at is None
