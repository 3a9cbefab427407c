"""Eight hands at one limit: whatever the order of things, together they never exceed it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orders import desk
from tests import trading
from tests.integration.orders.limits import in_force
from tests.races.racing import race, same

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
        return trading.order(result.order_id).status

    said = race(*same(submit, 8))
    assert sorted(said) == ["pending_execution"] * 3 + ["rejected"] * 5
