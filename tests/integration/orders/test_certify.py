"""`manage.py certify`: a run against a venue's test session is kept and decides on activation."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from oms_site.firm.models import User
from oms_site.kit import clock
from tests import trading
from tests.unit.venues.test_acceptance import port  # noqa: F401  the venue in a thread
from venues import certification, health
from venues.messages import ExecType, OrdStatus
from venues.models import Certification, Outbound, Venue


@pytest.fixture
def outside(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The simulated venue is where its ports say."""
    monkeypatch.setattr(settings, "OUTSIDE_DIR", tmp_path)
    (tmp_path / "ports.json").write_text(json.dumps({"venue": port}))


def certify(*words: str) -> str:
    said = StringIO()
    call_command("certify", *words, stdout=said)
    return said.getvalue()


def test_a_new_venue_is_certified_and_activated(sandbox: datetime, outside: None) -> None:
    Venue.objects.create(id="NEWX", name="New Exchange", mpid="NEWX", min_qty=1000)
    said = certify("NEWX", "--activate", "--by", "alpha_admin")
    assert "ok       the same order sent twice is one order" in said
    assert "New Exchange is certified (configuration " in said
    run = Certification.objects.get(venue_id="NEWX")
    assert (run.passed, run.by, len(run.findings)) == (True, "alpha_admin", 19)
    assert Venue.objects.get(pk="NEWX").status == "active"
    assert not Outbound.objects.exists()


def test_a_venue_that_fails_is_told_kept_and_stays_out(sandbox: datetime, outside: None) -> None:
    Venue.objects.create(id="NEWX", name="New Exchange", mpid="NEWX")
    with pytest.raises(CommandError, match="New Exchange is not certified"):
        certify("NEWX", "--plain", "880591DM1", "--activate")
    run = Certification.objects.get(venue_id="NEWX")
    faults = [one for one in run.findings if one["fault"]]
    assert not run.passed
    assert {"requirement", "fault", "skipped"} == set(faults[0])
    assert Venue.objects.get(pk="NEWX").status == "testing"
    assert not certification.stands("NEWX")


def test_a_venue_without_a_gateway_meets_nothing(sandbox: datetime, outside: None) -> None:
    Venue.objects.create(id="NEWX", name="New Exchange", mpid="NEWX", gateway="telex")
    with pytest.raises(CommandError):
        certify("NEWX")
    (run,) = Certification.objects.filter(venue_id="NEWX")
    tried = [one for one in run.findings if not one["skipped"]]
    assert tried
    assert all("there is no gateway" in one["fault"] for one in tried)
    with pytest.raises(CommandError, match="There is no venue NOWHERE"):
        certify("NOWHERE")


def test_health_tells_the_line_the_lag_refusals_and_what_waits(sandbox: datetime) -> None:
    at = clock.now()
    one, two = trading.routed(), trading.routed(limit_price=trading.D(98))
    trading.receive(
        trading.report(one, ExecType.NEW, transact_time=at - timedelta(seconds=2)),
        trading.report(
            two, ExecType.REJECTED, ord_status=OrdStatus.REJECTED, transact_time=at, text="no"
        ),
    )
    three = trading.routed(limit_price=trading.D(97))
    Venue.objects.filter(pk="SIMA").update(last_heard_at=at)
    found = health.of_all(at=at)
    sima, simb = found["SIMA"], found["SIMB"]
    assert (sima.connected, sima.lag, sima.reject_rate) == (True, timedelta(seconds=1), 0.5)
    assert (sima.unsent, sima.unanswered, sima.unapplied) == (3, 0, 0)
    assert (simb.connected, simb.lag, simb.reject_rate, simb.last_report_at) == (
        False,
        None,
        None,
        None,
    )
    assert three.venue_id == "SIMA"
    later = health.of_all(at=at + timedelta(minutes=1))
    assert not later["SIMA"].connected


def test_operations_see_the_venues(sandbox: datetime) -> None:
    client = Client()
    client.force_login(User.objects.get(username="alpha_ops"))
    Venue.objects.filter(pk="SIMA").update(last_heard_at=clock.now())
    board = client.get("/ops/?part=board").content.decode()
    rows = {part.split('"')[0]: part for part in board.split('data-venue="')[1:]}
    assert set(rows) == {"SIMA", "SIMB", "SIMQ", "FIXSIM", "LPLDESK"}
    assert "connected" in rows["SIMA"]
    assert "silent" in rows["SIMB"]
