"""Blocks that end before they are filled, and what a basis keeps once the first fill is in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from allocations.models import AccountAllocation, Allocation, BookingLeg
from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import expiry, lots
from orders.models import Execution, Order, VenueOrder
from orders.requests import AccountAsk, AllocationAsk
from tests import policies, trading
from tests.client import Api
from tests.integration.holdings.test_treasury import differences
from tests.trading import D
from venues.messages import ExecType, OrdStatus

Apis = Callable[[str], Api]
pytestmark = pytest.mark.usefixtures("sandbox")


def block(strategy: str, *parts: int) -> VenueOrder:
    shares = tuple(
        AccountAsk(account_id=f"alpha-{n + 2:03d}", qty=D(qty)) for n, qty in enumerate(parts)
    )
    asked = AllocationAsk(strategy=strategy, accounts=shares)
    return trading.routed(account_id=None, qty=D(sum(parts)), allocation=asked)


def expire(child: VenueOrder) -> Order:
    """The day ends with whatever is filled by then."""
    order = trading.order(child.order_id)
    assert order.expires_at is not None
    with clock.frozen_at(order.expires_at):
        expiry.sweep()
        filled = VenueOrder.objects.get(pk=child.pk).cum_qty
        ended = trading.report(
            child,
            ExecType.EXPIRED,
            ord_status=OrdStatus.EXPIRED,
            cum_qty=filled,
            leaves_qty=D(0),
        )
        trading.receive(ended)
        expiry.sweep()
        lots.drain()
    return trading.order(child.order_id)


def split() -> list[D]:
    rows = AccountAllocation.objects.order_by("position")
    return list(rows.values_list("actual_qty", flat=True))


def legs() -> list[tuple[str, D, D]]:
    rows = BookingLeg.objects.order_by("account_allocation__position", "sequence")
    names = "account_allocation__account_id"
    return list(rows.values_list(names, "qty", "principal"))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        # 4,000 of 10,000 in steps of 1,000: exact are 2,000 / 1,200 / 800; the last thousand
        # goes to the third, 800 behind its whole steps, and not to the second, 200 behind.
        ("pro_rata_with_averaging", [2000, 1000, 1000]),
        ("percentage", [2000, 1000, 1000]),
        # In order of the list: all of it is the first one's.
        ("fifo_without_averaging", [4000, 0, 0]),
        # Equal parts are 1,333.33: one step each, the last to who asked for most.
        ("flat", [2000, 1000, 1000]),
    ],
)
def test_an_order_that_expires_forty_percent_filled_is_split_by_its_strategy(
    strategy: str, expected: list[int], sandbox: datetime
) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))
    generation.check()
    child = block(strategy, 5000, 3000, 2000)
    trading.receive(trading.fill(child, 4000, cum=4000, last_px=D("99")))
    order = expire(child)
    assert (order.status, order.cum_qty) == ("expired", D(4000))
    assert split() == expected
    # 4,000 at 99.00 are 3,960.00: 990.00 for each 1,000.
    booked = [(name, qty, money) for name, qty, money in legs() if qty]
    assert [money for _, _, money in booked] == [D(qty) * 99 / 100 for qty in expected if qty]
    assert differences() == []


def test_an_order_that_expires_unfilled_gives_nobody_anything() -> None:
    child = block("pro_rata_with_averaging", 5000, 5000)
    order = expire(child)
    assert order.status == "expired"
    assert split() == [D(0), D(0)]
    assert legs() == []
    assert differences() == []


def test_a_split_that_does_not_add_up_is_refused_over_the_api(api: Apis) -> None:
    for second, status in ((4999, 422), (5000, 201)):
        answer, body = api("alpha_trader").submit(
            account_id=None,
            amount={"par": 10_000},
            allocations={
                "strategy": "fifo_without_averaging",
                "account_allocations": [
                    {"account_id": name, "requested_amount": {"par": qty}}
                    for name, qty in (("alpha-002", 5000), ("alpha-003", second))
                ],
            },
        )
        assert answer == status
        if status == 422:
            assert "allocation_sum_mismatch" in [one["code"] for one in body["error_details"]]
            assert not Order.objects.exists()


def test_the_basis_is_older_than_the_first_fill_and_nothing_moves_it_after(
    api: Apis, sandbox: datetime
) -> None:
    child = block("fifo_without_averaging", 5000, 5000)
    trading.receive(trading.fill(child, 2000, cum=2000))
    allocation = Allocation.objects.get()
    made = Event.objects.get(order_id=child.order_id, event_type="allocation_create")
    first = Event.objects.filter(order_id=child.order_id, event_type="execution").order_by("id")[0]
    assert made.id < first.id
    assert allocation.created_at <= Execution.objects.get().received_at
    status, body = api("alpha_trader")(
        "PATCH",
        f"/v1/trading/order/{child.order_id}/",
        {
            "allocations": {
                "strategy": "fifo_without_averaging",
                "account_allocations": [
                    {"account_id": "alpha-002", "requested_amount": {"par": 1000}},
                    {"account_id": "alpha-003", "requested_amount": {"par": 9000}},
                ],
            }
        },
    )
    assert status in (409, 422), body
    rows = AccountAllocation.objects.order_by("position")
    assert list(rows.values_list("requested_qty", flat=True)) == [5000, 5000]
    for sql in (
        "UPDATE allocations_accountallocation SET account_id = 'alpha-009'",
        "UPDATE allocations_allocation SET strategy = 'flat'",
        "DELETE FROM allocations_accountallocation",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{sql}; SET CONSTRAINTS ALL IMMEDIATE")
