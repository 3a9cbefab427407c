"""Every story of FIX's matrices for cancel/replace leaves our order as the table says."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from oms_site.kit import clock
from orders.models import ReplaceLeg, VenueOrder
from orders.states import fix_ord_status
from tests import policies, trading
from tests.integration.replacing import fix_replaces, story
from tests.integration.replacing.fix_replaces import Asked, Refused, Said
from venues.messages import CancelReject, ExecType, OrdStatus, Report

D = Decimal


@pytest.fixture(autouse=True)
def amendments_are_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _ids(child: VenueOrder) -> dict[str, str]:
    legs = ReplaceLeg.objects.filter(venue_order=child).order_by("id")
    return dict(zip("XYZ", [child.id, *legs.values_list("id", flat=True)], strict=False))


def _report(child: VenueOrder, line: Said | Refused) -> Report:
    ids = _ids(child)
    if isinstance(line, Refused):
        leg = ReplaceLeg.objects.filter(venue_order=child).order_by("id").last()
        assert leg is not None
        return CancelReject(
            seq=trading.next_seq(),
            order_id=f"V-{child.id}",
            cl_ord_id=leg.id,
            orig_cl_ord_id=leg.orig_cl_ord_id,
            ord_status=OrdStatus(line.ord_status),
            cxl_rej_reason=line.reason,
            transact_time=clock.now(),
            response_to="2",
        )
    values = {
        "cl_ord_id": ids[line.cl],
        "ord_status": OrdStatus(line.ord_status),
        "cum_qty": D(line.cum),
        "leaves_qty": D(line.leaves),
        "order_qty": D(line.order_qty),
    }
    if line.exec_type in "5E":
        before = "XYZ"["XYZ".index(line.cl) - 1]
        values["orig_cl_ord_id"] = ids[before]
    if line.last:
        values |= {"last_qty": D(line.last), "last_px": D("99.4")}
    return trading.report(child, ExecType(line.exec_type), **values)


@pytest.mark.parametrize(
    ("name", "lines"), fix_replaces.stories(), ids=[name for name, _ in fix_replaces.stories()]
)
def test_the_order_is_what_the_table_says_after_every_line(
    name: str, lines: list[Asked | Said | Refused]
) -> None:
    order_id = trading.submit(qty=D(10_000), bypass_auto_execution=True)
    child = trading.execute(order_id, 10_000)
    last = fix_replaces.NEW
    for line in lines:
        if isinstance(line, Asked):
            result = story.amend(order_id, qty=line.qty, limit_price=line.price)
            assert result.error is None, result.error
            continue
        trading.receive(_report(child, line))
        trading.check_tree(order_id)
        order = story.order(order_id)
        if isinstance(line, Said):
            last = line
            assert (order.cum_qty, order.order_qty) == (D(line.cum), D(line.order_qty)), line
        if line.ord_status == "8":
            # A rejected execution order leaves the order staged.
            assert str(VenueOrder.objects.get(pk=child.pk).status) == "rejected"
            return
        if last.exec_type != "I":
            assert order.leaves_qty == last.leaves, line
        assert fix_ord_status(order.status, order.pending) == _ours(line, order.pending), line
    now = VenueOrder.objects.get(pk=child.pk)
    assert (now.cum_qty, now.qty, now.in_doubt) == (D(last.cum), D(last.order_qty), False)
    assert now.replace_cl_ord_id == ""


def _ours(line: Said | Refused, pending: str) -> str:
    """We show a pending replace from the moment we ask, a venue from when it has heard of it."""
    return "E" if pending == "replace" else line.ord_status
