"""Every story of FIX's order state tables leaves our order as the table says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from oms_site.kit import clock
from orders import desk
from orders.models import Break, VenueOrder
from tests import trading
from tests.integration.orders import fix_tables
from tests.integration.orders.fix_tables import Refused, Said
from venues.messages import ExecType, OrdStatus, Report

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal
ENDED = {"2", "3", "4", "8", "C"}
# Where ours differs from the printed status, and why.
OURS = {
    "3": "C",  # Done for day: all we send is for the day, so it has expired.
}


def _said(child: VenueOrder, line: Said | Refused) -> Report:
    if isinstance(line, Refused):
        return trading.cancel_refused(child, reason=line.reason)
    values = {
        "ord_status": OrdStatus(line.ord_status),
        "cum_qty": D(line.cum),
        "leaves_qty": D(line.leaves),
        "order_qty": D(line.order_qty),
    }
    if line.last:
        values |= {"last_qty": D(line.last), "last_px": D("99.4")}
    return trading.report(child, ExecType(line.exec_type), **values)


@pytest.mark.parametrize(
    ("name", "lines"), fix_tables.stories(), ids=[name for name, _ in fix_tables.stories()]
)
def test_the_order_ends_as_the_table_says(name: str, lines: list[Said | Refused | str]) -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    child = trading.execute(order_id, 10_000)
    for line in lines:
        if isinstance(line, str):
            desk.cancel([order_id], by=trading.person(), at=clock.now())
        else:
            trading.receive(_said(child, line))
            if isinstance(line, Said):
                order = trading.order(order_id)
                assert order.cum_qty == line.cum, line
        trading.check_tree(order_id)
    _compare(trading.order(order_id).id, [line for line in lines if not isinstance(line, str)])


def _compare(order_id: str, lines: list[Said | Refused]) -> None:
    child = VenueOrder.objects.get(order_id=order_id)
    told = [line for line in lines if isinstance(line, Said)]
    last = told[-1] if told else fix_tables.NEW
    ended = any(line.ord_status in ENDED and line.exec_type != "D" for line in told)
    assert child.is_terminal == (ended or last.cum == 10_000)
    assert child.cum_qty == last.cum
    assert not child.in_doubt
    if isinstance(lines[-1], Refused) and not child.is_terminal:
        assert child.pending == ""


def test_an_order_phoned_to_the_broker_is_kept_as_a_break() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    child = trading.execute(order_id, 10_000)
    report = trading.fill(child, 2000, cum=2000, cl_ord_id="", order_id="V-by-voice")
    trading.receive(report)
    assert Break.objects.filter(kind="unknown_order").count() == 1
    assert trading.order(order_id).cum_qty == 0


def test_a_venue_that_restates_the_quantity_is_looked_at_by_a_person() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    child = trading.execute(order_id, 10_000)
    trading.receive(
        _said(child, fix_tables.NEW),
        _said(child, Said("D", "0", 0, 11_000, 0, 11_000)),
        _said(child, Said("F", "1", 1000, 10_000, 1000, 11_000)),
    )
    assert Break.objects.get(kind="quantity_restated").evidence["venue_qty"] == "11000"
    order = trading.order(order_id)
    assert (order.order_qty, order.cum_qty) == (D(10_000), D(1000))


def test_an_order_that_ended_with_shares_we_do_not_have_stays_in_doubt_until_they_come() -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    child = trading.execute(order_id, 10_000)
    trading.receive(
        _said(child, fix_tables.NEW),
        _said(child, Said("4", "4", 3000)),
    )
    child.refresh_from_db(fields=["in_doubt", "leaves_qty"])
    assert child.in_doubt
    assert trading.order(order_id).leaves_qty == 10_000
    assert Break.objects.filter(kind="cum_qty_mismatch").exists()
    trading.receive(
        _said(child, Said("F", "4", 3000, 0, 3000)),
        _said(child, Said("I", "4", 3000)),
    )
    now = VenueOrder.objects.get(pk=child.pk)
    assert (str(now.status), now.cum_qty, now.in_doubt) == ("canceled", D(3000), False)
    trading.check_tree(order_id)
