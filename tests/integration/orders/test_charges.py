"""A fee's cap is for the whole order, and a bust gives back what its trade had cost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from orders.models import Execution
from tests import trading
from venues.messages import ExecType

D = Decimal


def _fees(order_id: str) -> list[Decimal]:
    rows = Execution.objects.filter(order_id=order_id).order_by("sequence")
    return list(rows.values_list("fees", flat=True))


def _fee(**changes: object) -> dict[str, object]:
    return {
        "fee_schedule_id": "fs",
        "fee_schedule_asset_level_id": "fsal",
        "recipient_id": "firm",
        "fee_type": "commission",
        "fee_amount_type": "percentage_of_par",
        "fee_amount": "0.5",
        "max_fee_amount": "12.50",
        **changes,
    }


def test_a_cap_holds_over_all_fills_of_the_order(sandbox: datetime) -> None:
    child = trading.routed(fees=(_fee(),))
    trading.receive(trading.fill(child, 1000, cum=1000), trading.fill(child, 1000, cum=2000))
    trading.receive(trading.fill(child, 1000, cum=3000))
    assert _fees(child.order_id) == [D("5.00"), D("5.00"), D("2.50")]


def test_a_bust_gives_back_what_its_trade_had_cost_and_frees_the_cap(sandbox: datetime) -> None:
    child = trading.routed(fees=(_fee(max_fee_amount="6.00"),))
    first, second = trading.fill(child, 1000, cum=1000), trading.fill(child, 1000, cum=2000)
    trading.receive(first, second)
    trading.receive(trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=first.exec_id))
    trading.receive(trading.fill(child, 1000, cum=2000))
    assert _fees(child.order_id) == [D("5.00"), D("1.00"), D("-5.00"), D("5.00")]
