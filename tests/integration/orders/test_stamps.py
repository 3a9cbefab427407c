"""The times of an execution: when its order left, when it was made, when it was heard of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from oms_site.firm.models import User
from oms_site.kit import clock
from orders import desk, fills, stamps
from orders.desk.external import TradeReport
from orders.models import VenueOrder
from tests import trading
from venues import lines, transmission
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
MS = timedelta(milliseconds=1)


def _sent() -> VenueOrder:
    child = trading.routed()
    assert transmission.take_due(child.venue_id)
    assert Outbound.objects.get(kind="D", cl_ord_id=child.pk).sent_at == clock.now()
    return child


def _filled(child: VenueOrder, made: timedelta, heard: timedelta) -> stamps.Stamps:
    """A fill so long after the order left, heard of so long after that moment too."""
    left = clock.now()
    with clock.frozen_at(left + heard):
        trading.receive(trading.fill(child, 3000, cum=3000, transact_time=left + made))
    ((_, found),) = stamps.stamped(fills.of_order(child.order_id))
    assert (found.sent_at, found.venue_at, found.received_at) == (left, left + made, left + heard)
    return found


def test_an_execution_has_its_three_times() -> None:
    assert _filled(_sent(), 7 * MS, 9 * MS).doubt == ""


@pytest.mark.parametrize(
    ("made", "heard", "doubt"),
    [
        (lines.MOST_OFFSET, 0 * MS, ""),
        (lines.MOST_OFFSET + MS, 0 * MS, "made 51 ms after it was heard of"),
        (-lines.MOST_OFFSET, 1 * MS, ""),
        (-lines.MOST_OFFSET - 2 * MS, 1 * MS, "made 52 ms before the order was sent"),
        (1 * MS, timedelta(hours=1), ""),  # told late is no clock's fault
    ],
)
def test_a_time_that_cannot_be_is_marked(made: timedelta, heard: timedelta, doubt: str) -> None:
    assert _filled(_sent(), made, heard).doubt == doubt


def test_an_order_that_was_asked_after_has_no_single_time_of_sending() -> None:
    child = _sent()
    with clock.frozen_at(clock.now() + timedelta(minutes=1)):
        assert transmission.take_doubtful(child.venue_id, older_than=timedelta(seconds=30))
    at = clock.now() + MS
    trading.receive(trading.fill(child, 3000, cum=3000, transact_time=at))
    ((_, found),) = stamps.stamped(fills.of_order(child.order_id))
    assert (found.sent_at, found.doubt) == (None, "")


def test_a_trade_by_voice_was_sent_by_nobody(sandbox: Any) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    made = desk.execute(
        order_id,
        trading.instruction(3000, protocol="external", strategy="external", venue_id=""),
        by=trading.person(),
        at=clock.now(),
    )
    assert made.row is not None
    said = TradeReport(qty=trading.D(3000), price=trading.D(99))
    done = desk.report_trade(order_id, made.row.id, said, by=trading.person(), at=clock.now())
    assert done.error is None
    ((_, found),) = stamps.stamped(fills.of_order(order_id))
    assert (found.sent_at, found.doubt) == (None, "")


def test_the_panel_tells_them_and_marks_the_clock(client: Client) -> None:
    child = _sent()
    _filled(child, timedelta(seconds=2), 1 * MS)
    client.force_login(User.objects.get(username="alpha_trader"))
    page = client.get(f"/desk/orders/{child.order_id}/").content.decode()
    assert "made 1,999 ms after it was heard of" in page
    assert "sent 10:00:00.000, made 10:00:02.000, heard 10:00:00.001" in page
