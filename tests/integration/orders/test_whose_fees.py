"""Whose fees a fill is charged: its execution order's, else the order's, else its risk group's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from allocations.models import Account, RiskGroup
from oms_site.firm import generation
from orders import routing
from orders.models import Execution, VenueOrder
from tests import trading
from tests.client import Api
from tests.trading import D

Apis = Callable[[str], Api]
pytestmark = pytest.mark.usefixtures("sandbox")


def fee(amount: str, **changes: Any) -> dict[str, Any]:
    return {
        "fee_schedule_id": "fs",
        "fee_schedule_asset_level_id": "fsal",
        "recipient_id": "firm",
        "fee_type": "commission",
        "fee_amount_type": "percentage_of_par",
        "fee_amount": amount,
        "max_fee_amount": None,
        **changes,
    }


@pytest.fixture
def group() -> str:
    """The risk group of alpha-002 charges 0.10 % of par, and 0.20 % of what was paid as mark-up."""
    owner = Account.objects.get(id="alpha-002").risk_group_id
    fees = [
        fee("0.10"),
        fee("0.20", fee_type="markup", fee_amount_type="percentage_of_market_value"),
    ]
    RiskGroup.objects.filter(id=owner).update(fees=fees)
    generation.check()
    return owner


def part(qty: int, **changes: Any) -> dict[str, Any]:
    return {
        "protocol": "limit_order_book",
        "strategy": "manual",
        "quantity": {"par": qty},
        "venue_id": trading.VENUE,
        **changes,
    }


def charged(order_id: str) -> dict[int, D]:
    """Fill each venue order whole at 99.40; what each of them was charged, by its quantity."""
    while routing.drain():
        pass
    for child in VenueOrder.objects.filter(order_id=order_id).order_by("id"):
        trading.receive(trading.fill(child, child.qty, cum=child.qty, order_qty=child.qty))
    return {int(one.qty): one.fees for one in Execution.objects.filter(order_id=order_id)}


def test_without_others_the_risk_groups_fees_are_charged(api: Apis, group: str) -> None:
    status, order = api("alpha_trader").submit(
        account_id="alpha-002", execution_instructions=[part(3000)]
    )
    assert (status, order["risk_group_id"]) == (201, group)
    # 0.10 % of 3,000 par is 3.00; 0.20 % of 2,982.00 paid is 5.964, half up 5.96.
    assert charged(order["id"]) == {3000: D("8.96")}


def test_an_execution_orders_fees_are_charged_for_its_fills_only(api: Apis, group: str) -> None:
    own = part(2000, fees=[fee("0.50")])
    status, order = api("alpha_trader").submit(
        account_id="alpha-002", execution_instructions=[own, part(1000)]
    )
    assert status == 201
    # Its own: 0.50 % of 2,000 is 10.00. The group's for the other: 0.10 % of 1,000 is 1.00, and
    # 0.20 % of 994.00 is 1.988, half up 1.99.
    assert charged(order["id"]) == {2000: D("10.00"), 1000: D("2.99")}
