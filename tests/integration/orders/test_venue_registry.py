"""The venue registry is data: what a venue takes, whether it may be used, how it is doing."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from oms_site.firm import generation
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import routing
from orders.models import ExecutionOrder, VenueOrder
from tests import trading
from venues import certification, registry
from venues.acceptance import Finding
from venues.models import Certification, Instrument, Outbound, Venue, VenueSymbol

D = Decimal


def passed(venue: Venue, *, fault: str = "") -> Certification:
    at = clock.now()
    found = [Finding("it answers", fault)]
    return certification.note(venue, found, began_at=at, ended_at=at, by="test")


@pytest.fixture
def fresh(sandbox: datetime) -> Venue:
    return Venue.objects.create(id="NEWX", name="New Exchange", mpid="NEWX", preference=1)


def test_a_new_venue_is_testing_and_gets_no_orders(fresh: Venue) -> None:
    assert fresh.status == "testing"
    assert trading.routed().venue_id == "SIMA"


def test_the_database_refuses_to_activate_what_was_never_certified(fresh: Venue) -> None:
    with (
        pytest.raises(IntegrityError, match="has not passed a certification"),
        transaction.atomic(),
    ):
        Venue.objects.filter(pk="NEWX").update(status="active")
    with pytest.raises(OmsError, match="has not passed"):
        certification.activate(fresh)
    with pytest.raises(IntegrityError), transaction.atomic():
        Venue.objects.create(id="NEWY", name="Y", mpid="NEWY", status="active")


def test_a_failed_run_blocks_and_a_later_pass_opens(fresh: Venue) -> None:
    passed(fresh, fault="it does not answer")
    with pytest.raises(OmsError):
        certification.activate(fresh)
    passed(fresh)
    certification.activate(fresh)
    assert Venue.objects.get(pk="NEWX").status == "active"
    generation.check()
    assert trading.routed().venue_id == "NEWX"


def test_a_later_failure_keeps_a_suspended_venue_out(fresh: Venue) -> None:
    passed(fresh)
    certification.activate(fresh)
    Venue.objects.filter(pk="NEWX").update(status="suspended")
    passed(fresh, fault="it has become slow")
    with pytest.raises(IntegrityError), transaction.atomic():
        Venue.objects.filter(pk="NEWX").update(status="active")


def test_another_configuration_needs_another_certification(sandbox: datetime) -> None:
    venue = Venue.objects.get(pk="SIMA")
    for change in (
        {"min_qty": D(1000)},
        {"ord_types": ["limit"]},
        {"amends": "cancel_new"},
        {"gateway": "fix"},
        {"template": {"a": 1}},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Venue.objects.filter(pk="SIMA").update(**change)
    Venue.objects.filter(pk="SIMA").update(min_qty=D(1000), status="testing")
    assert not certification.stands("SIMA")
    passed(venue)
    assert certification.stands("SIMA")
    Venue.objects.filter(pk="SIMA").update(status="active")


def test_names_hours_and_preference_change_without_a_new_one(sandbox: datetime) -> None:
    changes = {"name": "Another", "preference": 99, "cutoff_at": "16:00"}
    assert Venue.objects.filter(pk="SIMA").update(**changes) == 1
    assert Venue.objects.get(pk="SIMA").status == "active"


def test_a_certification_is_never_changed(sandbox: datetime) -> None:
    for statement in ("UPDATE venues_certification SET passed = true", "DELETE FROM "
                      "venues_certification"):  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_an_order_that_no_venue_can_take_is_never_sent_and_says_why(sandbox: datetime) -> None:
    _only("SIMA", max_qty=D(2000))
    order_id = trading.submit(qty=D(3000))
    routing.drain()
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert row.status == "rejected"
    assert "SIMA: takes no more than 2,000" in row.reason
    assert not VenueOrder.objects.filter(order_id=order_id).exists()
    assert not Outbound.objects.exists()


def test_after_the_cut_off_of_one_venue_orders_go_to_the_other(sandbox: datetime) -> None:
    Venue.objects.filter(pk="SIMA").update(cutoff_at="09:30")
    generation.check()
    assert trading.routed().venue_id == "SIMB"


def test_a_venue_has_its_own_names_for_instruments(sandbox: datetime) -> None:
    bond = Instrument.objects.get(cusip=trading.BOND)
    VenueSymbol.objects.create(venue_id="SIMA", instrument=bond, symbol="AAPL 4.5 36")
    generation.check()
    assert registry.symbols("SIMA") == {trading.BOND: "AAPL 4.5 36"}
    assert registry.find_cusip("SIMA", "AAPL 4.5 36") == trading.BOND
    assert registry.find_cusip("SIMB", trading.BOND) == trading.BOND
    with pytest.raises(IntegrityError), transaction.atomic():
        VenueSymbol.objects.create(venue_id="SIMA", instrument=bond, symbol="again")


def test_sizes_and_hours_that_make_no_sense_are_refused(sandbox: datetime) -> None:
    for change in (
        {"min_qty": D(5), "max_qty": D(4), "status": "testing"},
        {"min_qty": D(0), "status": "testing"},
        {"opens_at": "17:00", "closes_at": "09:00"},
        {"opens_at": "09:00"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Venue.objects.filter(pk="SIMA").update(**change)


def _only(venue_id: str, **takes: object) -> None:
    Venue.objects.exclude(pk=venue_id).update(status="suspended")
    Venue.objects.filter(pk=venue_id).update(status="testing", **takes)
    venue = Venue.objects.get(pk=venue_id)
    passed(venue)
    certification.activate(venue)
    generation.check()


def test_the_moment_of_a_run_is_kept(fresh: Venue) -> None:
    began = clock.now()
    run = certification.note(
        fresh, [], began_at=began, ended_at=began + timedelta(seconds=3), by="alpha_admin"
    )
    assert certification.latest("NEWX") == run
    assert (run.passed, run.by, run.ended_at - run.began_at) == (
        True,
        "alpha_admin",
        timedelta(seconds=3),
    )
