"""Eight hands at one limit: whatever the order of things, together they never exceed it."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from orders import desk, reports, routing
from orders.models import Order
from tests import trading
from tests.integration.orders.limits import in_force
from tests.races.racing import race, same
from venues import inbox

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]
D = Decimal


@pytest.mark.parametrize("round_", range(3))
def test_eight_racers_never_exceed_one_limit(round_: int) -> None:
    in_force("exposure.gross", max_gross="100000", scope="organization")

    def submit() -> str:
        result = desk.submit([trading.request(qty=D(30000))])[0]
        assert result.error is None
        return str(trading.order(result.order_id).status)

    said = race(*same(submit, 8))
    assert sorted(said) == ["pending_execution"] * 3 + ["rejected"] * 5


def test_batches_over_the_same_accounts_in_any_order_end_without_a_deadlock() -> None:
    in_force("position.limit", max_qty="9000")
    in_force("window.count", max_count=1000, scope="trader", window_s=3600)
    names = ["alpha-002", "alpha-003", "alpha-004", "alpha-005"]

    def submit(turned: bool) -> None:
        asked = [trading.request(account_id=name) for name in names]
        for result in desk.submit(asked[::-1] if turned else asked):
            assert result.error is None

    def work() -> None:
        for _ in range(6):
            routing.drain(limit=3)

    race(*(partial(submit, n % 2 == 0) for n in range(6)), work, work)
    for name in names:
        open_ = Order.objects.filter(account__id=name).exclude(status="rejected")
        assert sum(order.order_qty for order in open_) == 9000


def test_fills_that_come_meanwhile_never_make_room() -> None:
    in_force("position.limit", max_qty="9000")
    children = [trading.routed(), trading.routed()]
    trading.store(*(trading.fill(child, 3000, cum=3000) for child in children))

    def apply() -> None:
        reports.apply(trading.VENUE, inbox.contiguous(trading.VENUE, limit=100))

    def submit() -> None:
        assert desk.submit([trading.request()])[0].error is None

    race(apply, *same(submit, 5))
    taken = Order.objects.exclude(status="rejected")
    # While the fills come in they may count twice, never not at all.
    assert sum(order.order_qty for order in taken) <= 9000
