"""What waits to be sent to a venue: whatever one row is, those beside it go."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from oms_site.journal import actors, unit
from orders import last_look
from orders.models import Break
from tests import trading
from venues import messages, transmission
from venues.models import Outbound

pytestmark = pytest.mark.django_db


def _cancel(name: str, of: str, *, at: datetime) -> messages.CancelRequest:
    return messages.CancelRequest(
        cl_ord_id=name,
        orig_cl_ord_id=of,
        security_id=trading.BOND,
        side="1",
        transact_time=at,
    )


def test_a_cancel_that_cannot_be_read_stops_no_other_at_a_paced_venue(sandbox: datetime) -> None:
    first = trading.routed(limit_price=Decimal(98))
    transmission.take_due(trading.VENUE)
    waiting = trading.routed(limit_price=Decimal(98))
    with unit.work(by=actors.system("test"), at=sandbox) as work:
        for name, of in (("c1", first.id), ("c2", first.id)):
            transmission.queue(work, trading.VENUE, _cancel(name, of, at=sandbox), at=sandbox)
    Outbound.objects.filter(cl_ord_id="c1").update(body="{}")
    (taken,) = transmission.take_due(trading.VENUE, limit=1, cancels_first=True)
    assert taken.cl_ord_id == "c2", "the one that can be read overtakes"
    rest = transmission.take_due(trading.VENUE, limit=10, cancels_first=True)
    assert [row.cl_ord_id for row in rest] == [waiting.id, "c1"]
    assert [row.cl_ord_id for row in last_look.before_wire(trading.VENUE, rest)] == [waiting.id]
    assert Break.objects.filter(kind="forged_message").count() == 1
    assert Outbound.objects.get(cl_ord_id="c1").answered_at is not None
