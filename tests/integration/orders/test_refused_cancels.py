"""A cancel that a venue refuses leaves no trace: the order works on and can be canceled again."""

from __future__ import annotations

from datetime import datetime

import pytest

from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk
from orders.models import ExecutionOrder
from tests import trading
from venues.messages import ExecType, OrdStatus, Report

pytestmark = pytest.mark.usefixtures("sandbox")


def _cancel(order_id: str) -> str:
    (answer,) = desk.cancel([order_id], by=trading.person(), at=clock.now())
    return answer.outcome


def _last(order_id: str) -> Event:
    return Event.objects.filter(subject=order_id).latest("seq")


def test_an_order_whose_cancel_is_refused_works_on_and_can_be_canceled_again() -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.NEW))
    assert _cancel(child.order_id) == "pending"
    trading.receive(trading.cancel_refused(child, text="in the auction"))
    order = trading.order(child.order_id)
    assert (order.status, order.pending) == ("pending_execution", "")
    assert order.cancel_requested_at is None
    assert ExecutionOrder.objects.get(order=order).pending == ""
    told = _last(order.id)
    assert (told.event_type, told.msg_type) == ("cancel_reject", "system_update")
    assert '"code":99,"reason":"in the auction"' in told.body
    assert _cancel(order.id) == "pending"
    trading.receive(trading.report(child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED))
    assert trading.order(order.id).status == "canceled"


def test_a_refused_cancel_of_one_execution_order_frees_that_one() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    child = trading.execute(order_id, 1000)
    trading.receive(trading.report(child, ExecType.NEW))
    eo = child.execution_order_id
    assert (
        desk.cancel_execution(order_id, eo, by=trading.person(), at=clock.now()).outcome
        == "pending"
    )
    trading.receive(trading.cancel_refused(child))
    assert ExecutionOrder.objects.get(pk=eo).pending == ""
    assert _last(order_id).event_type == "execution_order_cancel_reject"


@pytest.mark.parametrize("refused_first", [True, False])
def test_with_two_venues_the_request_is_over_when_the_last_has_answered(
    sandbox: datetime, refused_first: bool
) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    stays, goes = trading.execute(order_id, 1000), trading.execute(order_id, 2000)
    trading.receive(*(trading.report(child, ExecType.NEW) for child in (stays, goes)))
    assert _cancel(order_id) == "pending"
    answers: list[Report] = [
        trading.cancel_refused(stays),
        trading.report(goes, ExecType.CANCELED, ord_status=OrdStatus.CANCELED),
    ]
    for answer in answers if refused_first else reversed(answers):
        assert trading.order(order_id).pending == "cancel"
        trading.receive(answer)
    order = trading.order(order_id)
    assert (order.status, order.pending) == ("pending_execution", "")
    assert _last(order_id).event_type == "cancel_reject"
    trading.check_tree(order_id)
