"""A fee's cap is for the whole order, and a bust gives back what its trade had cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from orders import routing
from orders.models import Execution, VenueOrder
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


def test_fees_of_an_instruction_are_charged_when_the_order_is_routed(
    api: Callable[..., Any], sandbox: datetime
) -> None:
    instruction = {
        "protocol": "limit_order_book",
        "strategy": "manual",
        "quantity": {"par": 3000},
        "venue_id": trading.VENUE,
        "fees": [_fee(max_fee_amount=None)],
        "annotation": "as agreed",
    }
    status, order = api("alpha_trader").submit(
        account_id="alpha-002", amount={"par": 3000}, execution_instructions=[instruction]
    )
    assert status == 201, order
    (told,) = order["execution_instructions"]
    assert (told["fees"][0]["fee_amount"], told["annotation"]) == (0.5, "as agreed")
    while routing.drain():
        pass
    child = VenueOrder.objects.get(order_id=order["id"])
    trading.receive(trading.fill(child, 3000, cum=3000))
    assert _fees(order["id"]) == [D("15.00")]


def test_a_schedule_with_fees_of_its_own_is_refused(
    api: Callable[..., Any], sandbox: datetime
) -> None:
    instruction = {
        "protocol": "limit_order_book",
        "strategy": "twap",
        "quantity": {"par": 3000},
        "parameters": {"end_time": "2026-11-23T16:00:00Z"},
        "fees": [_fee()],
    }
    status, told = api("beta_trader").submit(
        account_id="beta-002", amount={"par": 3000}, execution_instructions=[instruction]
    )
    assert status == 422
    (fault,) = told["error_details"]
    assert fault["field"] == "execution_instructions[0].fees"
