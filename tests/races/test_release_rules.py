"""A fill beside the close, with several workers splitting: what is new is released exactly once."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db.models import Sum

from allocations.models import Allocation, BookingLeg, Movement, ReleaseRule
from oms_site.firm import generation
from oms_site.journal.models import Event
from orders import lots, reports
from orders.models import AllocationDue, Order
from tests import trading
from tests.races.racing import race
from venues import inbox
from venues.messages import ExecType, OrdStatus

D = trading.D
pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]


@pytest.mark.parametrize("turn", range(3))
def test_a_fill_beside_the_close_is_released_once(turn: int) -> None:
    ReleaseRule.objects.create(organization_id="alpha", name="at the end", release="close")
    generation.check()
    child = trading.routed()
    trading.receive(trading.fill(child, 1000, cum=1000))
    over: dict[str, Any] = {"ord_status": OrdStatus.CANCELED, "leaves_qty": D(0)}
    closed = trading.report(child, ExecType.CANCELED, cum_qty=D(1000), **over)
    late = [trading.fill(child, 500, cum=1000 + 500 * n, **over) for n in (1, 2)]

    def split() -> None:
        for _ in range(4):
            lots.drain()

    trading.store(closed, *late)
    said = inbox.contiguous(trading.VENUE, limit=10)
    applied = [partial(reports.apply, trading.VENUE, part) for part in (said[:1], said[1:])]
    race(*applied, split, split, split)
    while AllocationDue.objects.exists():
        lots.drain()
    assert Order.objects.get().cum_qty == 2000
    rows = BookingLeg.objects.filter(reverses=None)
    assert rows.aggregate(all=Sum("qty"))["all"] == 2000
    # Each of the three fills stands in exactly one leg.
    sources = [source for leg in rows for source in leg.source_ids]
    assert len(sources) == len(set(sources)) == 3
    assert Event.objects.filter(event_type="allocation_release").count() == 1
    assert Allocation.objects.get().complete
    assert Movement.objects.filter(kind="trade").count() == 3
