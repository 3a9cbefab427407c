"""Venues are asked again: before the wire, at an amendment, and before dealers are asked."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from oms_site.firm import generation
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, last_look
from orders.models import ReplaceLeg, Rfq, VenueOrder
from orders.requests import AmendAsk, AmendRequest
from orders.rfq.asking import RfqAsk
from tests import policies, quoting, trading
from venues import certification
from venues.messages import ExecType
from venues.models import Outbound, Venue

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


def change(venue_id: str = "SIMA", **terms: Any) -> None:
    """The venue takes other things from now on, and has been certified for them."""
    status = terms.pop("status", "active")
    Venue.objects.filter(pk=venue_id).update(status="suspended")
    Venue.objects.filter(pk=venue_id).update(**terms)
    if status == "active":
        row = Venue.objects.get(pk=venue_id)
        at = clock.now()
        certification.note(row, [], began_at=at, ended_at=at, by="a test")
        certification.activate(row)
    generation.check()


REFUSALS = [
    ({"status": "suspended"}, "venue_not_active", "SIMA is suspended"),
    ({"max_qty": D(1000)}, "venue_size_refused", "takes no more than 1,000"),
    ({"qty_increment": D(2000)}, "venue_size_refused", "takes multiples of 2,000"),
    ({"ord_types": ["market"]}, "venue_type_refused", "takes no limit orders"),
    ({"cutoff_at": time(9, 30)}, "venue_capability_refused", "takes no new orders after 09:30"),
    ({"protocols": ["rfq"]}, "venue_capability_refused", "takes no orders by limit_order_book"),
]


@pytest.mark.parametrize(("terms", "code", "words"), REFUSALS)
def test_what_a_venue_no_longer_takes_is_not_sent(
    terms: dict[str, Any], code: str, words: str
) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    child = trading.execute(order_id, 3000)
    rows = list(Outbound.objects.filter(cl_ord_id=child.id).order_by("id"))
    change(**terms)
    assert last_look.before_wire("SIMA", rows) == []
    child = VenueOrder.objects.get(pk=child.pk)
    assert child.status == "rejected"
    assert words in child.text
    assert child.text.startswith(f"{code}: ")
    ended = Event.objects.get(event_type="execution_order_cancel")
    assert msgspec.json.decode(ended.body)["event"]["reason"] == child.text
    trading.check_tree(order_id)


def test_what_a_venue_takes_is_sent() -> None:
    child = trading.routed()
    rows = list(Outbound.objects.filter(cl_ord_id=child.id).order_by("id"))
    change(min_qty=D(1000), max_qty=D(3000), qty_increment=D(1000))
    assert last_look.before_wire("SIMA", rows) == rows


def working(**changes: Any) -> VenueOrder:
    policies.agreed(preset="full", at=clock.now())
    generation.check()
    child = trading.routed(**changes)
    trading.receive(trading.report(child, ExecType.NEW))
    return VenueOrder.objects.get(pk=child.pk)


def amend(child: VenueOrder, **terms: Any) -> Any:
    ask = AmendAsk(**{"qty": D(3000), "limit_price": D("99.5"), **terms})
    request = AmendRequest(child.order_id, ask)
    (result,) = desk.replace([request], by=trading.person(), at=clock.now())
    return result


@pytest.mark.parametrize(("terms", "code", "words"), REFUSALS)
def test_terms_that_the_venue_does_not_take_are_refused_and_nothing_is_sent(
    terms: dict[str, Any], code: str, words: str
) -> None:
    child = working()
    change(**terms)
    result = amend(child, qty=D(5000), limit_price=D("99.4"))
    assert result.error is not None
    assert result.error.code == code
    assert words in result.error.message
    assert not ReplaceLeg.objects.exists()
    assert not Outbound.objects.filter(kind="G").exists()


def test_less_may_be_asked_of_a_venue_that_takes_nothing_new() -> None:
    child = working()
    change(status="suspended")
    result = amend(child, qty=D(2000))
    assert result.error is None
    assert Outbound.objects.filter(kind="G").count() == 1


def test_less_than_a_venue_works_is_refused_too() -> None:
    child = working()
    change(min_qty=D(3000))
    assert amend(child, qty=D(2000)).error.code == "venue_size_refused"


def test_a_replace_is_looked_at_once_more_before_the_wire() -> None:
    child = working()
    assert amend(child, qty=D(5000)).error is None
    (leg,) = ReplaceLeg.objects.order_by("id")
    rows = list(Outbound.objects.filter(cl_ord_id=leg.id).order_by("id"))
    change(max_qty=D(4000))
    assert last_look.before_wire("SIMA", rows) == []
    assert ReplaceLeg.objects.get(pk=leg.pk).status == "rejected"
    assert trading.order(child.order_id).order_qty == 3000
    trading.check_tree(child.order_id)


def test_dealers_are_not_asked_for_a_size_that_their_venue_does_not_take() -> None:
    change("SIMQ", min_qty=D(5000))
    order_id = quoting.staged()
    (made,) = desk.ask([RfqAsk(order_id=order_id)], by=trading.person(), at=clock.now())
    assert made.error is not None
    assert made.error.details[0].code == "venue_size_refused"
    assert not Rfq.objects.exists()


def test_a_quote_is_not_hit_for_a_size_that_its_venue_no_longer_takes() -> None:
    rfq = quoting.ask(quoting.staged())
    quote = quoting.quoted(rfq, ((quoting.LOOK, "99.25"),))[quoting.LOOK]
    change("SIMQ", min_qty=D(5000))
    made = quoting.hit(quote)
    assert made.error is not None
    assert made.error.code == "venue_size_refused"
