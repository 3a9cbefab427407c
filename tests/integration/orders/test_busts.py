"""What a venue takes back is taken back once, whatever it sends again."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from orders.models import Break, Execution, VenueOrder
from tests import trading
from venues.messages import ExecType, OrdStatus
from venues.models import Inbound

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal


def _verdicts() -> list[str]:
    return list(Inbound.objects.order_by("seq").values_list("verdict", flat=True))


@pytest.mark.parametrize("together", [True, False])
def test_a_bust_that_comes_again_is_a_duplicate(sandbox: datetime, together: bool) -> None:
    child = trading.routed()
    trade = trading.fill(child, 2000, cum=2000)
    bust = trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=trade.exec_id)
    trading.receive(trade)
    for batch in [[bust, bust]] if together else [[bust], [bust]]:
        trading.receive(*batch)
    assert _verdicts() == ["applied", "applied", "duplicate"]
    assert trading.order(child.order_id).cum_qty == 0
    trading.check_tree(child.order_id)


@pytest.mark.parametrize("together", [True, False])
def test_a_trade_is_not_taken_back_twice_under_another_id(
    sandbox: datetime, together: bool
) -> None:
    child = trading.routed()
    trade = trading.fill(child, 1000, cum=1000)
    trading.receive(trade, trading.fill(child, 1000, cum=2000))
    busts = [
        trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=trade.exec_id) for _ in range(2)
    ]
    for batch in [busts] if together else [[one] for one in busts]:
        trading.receive(*batch)
    assert _verdicts() == ["applied", "applied", "applied", "break"]
    assert trading.order(child.order_id).cum_qty == 1000
    assert Break.objects.filter(kind="exec_id_conflict").count() == 1


def test_a_correction_is_busted_by_its_own_id_and_the_original_is_gone(sandbox: datetime) -> None:
    child = trading.routed()
    trade = trading.fill(child, 1000, cum=1000)
    fix = trading.fill(
        child, 2000, cum=2000, exec_type=ExecType.TRADE_CORRECT, exec_ref_id=trade.exec_id
    )
    trading.receive(trade, fix)
    assert trading.order(child.order_id).cum_qty == 2000
    trading.receive(trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=trade.exec_id))
    assert trading.order(child.order_id).cum_qty == 2000
    trading.receive(trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=fix.exec_id))
    assert trading.order(child.order_id).cum_qty == 0
    assert _verdicts() == ["applied", "applied", "break", "applied"]
    assert Execution.objects.count() == 4


def test_a_canceled_order_that_a_late_share_completed_is_canceled_again_after_its_bust(
    sandbox: datetime,
) -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED))
    late = trading.fill(child, 3000, cum=3000)
    trading.receive(late)
    order = trading.order(child.order_id)
    assert (order.status, order.leaves_qty) == ("filled", D(0))
    trading.receive(trading.report(child, ExecType.TRADE_CANCEL, exec_ref_id=late.exec_id))
    order = trading.order(child.order_id)
    assert (order.status, order.cum_qty, order.leaves_qty) == ("canceled", D(0), D(0))
    stored = VenueOrder.objects.select_related("execution_order").get(pk=child.pk)
    assert (stored.status, stored.execution_order.status) == ("canceled", "canceled")
    trading.check_tree(order.id)


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("corrected", [False, True])
def test_what_is_taken_back_or_corrected_of_a_closed_order_is_no_late_fill(
    sandbox: datetime, ended: bool, corrected: bool
) -> None:
    child = trading.routed()
    trade = trading.fill(child, 2000 if ended else 3000, cum=2000 if ended else 3000)
    over = trading.report(
        child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED, cum_qty=D(2000), leaves_qty=D(0)
    )
    trading.receive(trade, *([over] if ended else []))
    assert trading.order(child.order_id).is_terminal
    kind = ExecType.TRADE_CORRECT if corrected else ExecType.TRADE_CANCEL
    trading.receive(
        trading.fill(child, 1000, cum=1000, exec_type=kind, exec_ref_id=trade.exec_id)
        if corrected
        else trading.report(child, kind, exec_ref_id=trade.exec_id)
    )
    assert list(Break.objects.order_by("id").values_list("kind", flat=True)) == ["bust"]
    assert not Execution.objects.filter(late=True).exists()
    trading.check_tree(child.order_id)


def test_a_trade_that_comes_after_the_end_is_a_late_fill(sandbox: datetime) -> None:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED))
    trading.receive(trading.fill(child, 1000, cum=1000))
    assert Break.objects.get().kind == "late_fill"
    assert Execution.objects.get().late
