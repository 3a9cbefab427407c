"""An outside price service asked before the controls look: slow, away, wrong, and back again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from controls.models import Screening
from oms_site.firm.models import User
from oms_site.kit import clock
from oms_site.kit.circuit import Circuit
from orders import desk
from tests import trading
from tests.integration.orders.limits import in_force
from venues import market_data
from venues.market_data import evaluated
from venues.models import ReferencePrice

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal


class Service:
    """A price service of the test's own, on a port of this machine."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.mode = "up"
        self.mid = 99.4
        self.at = clock.now()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                (names,) = parse_qs(urlsplit(self.path).query)["cusips"]
                outer.asked.append(names.split(","))
                status, body = outer.answer(names.split(","))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, names: list[str]) -> tuple[int, bytes]:
        if self.mode == "down":
            return 503, b""
        if self.mode == "nonsense":
            return 200, b'{"prices": [{"cusip": "037833DP2", "mid": -1, "at": "2026-11-23"}]}'
        at = self.at.isoformat()
        told = [{"cusip": name, "mid": self.mid, "at": at} for name in names]
        return 200, json.dumps({"prices": told}).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def service(sandbox: datetime, settings: Any) -> Iterator[Service]:
    """A service that is asked for every price older than a minute."""
    one = Service()
    settings.PRICE_SERVICE_URL, settings.PRICE_SERVICE_AFTER_S = one.url, 60
    evaluated.forget()
    ReferencePrice.objects.update(at=sandbox - timedelta(days=1))
    market_data.forget()
    in_force("price.collar", max_percent="5", max_age_s=60)
    yield one
    one.stop()
    evaluated.forget()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of durations, in the test's hands."""
    held = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: held[0])
    circuit = Circuit(
        failures=evaluated.FAILURES, pause_s=evaluated.PAUSE_S, monotonic=lambda: held[0]
    )
    monkeypatch.setattr(evaluated, "circuit", circuit)
    return held


def said(**changes: Any) -> str:
    order = trading.order(trading.submit(**changes))
    return order.reject_code or order.status


def test_a_price_that_is_too_old_is_asked_for_before_the_controls_look(service: Service) -> None:
    assert said() == "pending_execution"
    assert service.asked == [[trading.BOND]]
    row = ReferencePrice.objects.get(instrument__cusip=trading.BOND)
    assert (row.mid_px, row.source, row.at) == (D("99.4"), "evaluated", service.at)
    kept = Screening.objects.order_by("id").last()
    assert kept is not None
    assert kept.ticket["reference"]["source"] == "evaluated"


def test_a_batch_is_asked_about_at_once_and_nobody_is_asked_twice(service: Service) -> None:
    asked = [trading.request(), trading.request(instrument_id="912810SX7", limit_price=D(101))]
    desk.submit([*asked, *asked])
    assert service.asked == [sorted([trading.BOND, "912810SX7"])]
    said()
    assert len(service.asked) == 1


def test_without_a_service_nobody_is_asked(service: Service, settings: Any) -> None:
    settings.PRICE_SERVICE_URL = ""
    assert said() == "control_unavailable"
    assert service.asked == []


def test_a_service_that_is_away_opens_the_circuit_and_the_verdict_comes_at_once(
    service: Service, now: list[float]
) -> None:
    service.mode = "down"
    for n in range(evaluated.FAILURES):
        assert str(evaluated.circuit.state) == "closed", n
        assert said(limit_price=D("99.4") + n) == "control_unavailable"
    assert str(evaluated.circuit.state) == "open"
    assert len(service.asked) == evaluated.FAILURES
    # Known to be away: nobody asks, and nothing passes that needs a price.
    for n in range(5):
        assert said(limit_price=D("98.4") + n) == "control_unavailable"
    assert len(service.asked) == evaluated.FAILURES
    # One probe after the pause, and it is still away.
    now[0] += evaluated.PAUSE_S
    assert said() == "control_unavailable"
    assert said(limit_price=D("97")) == "control_unavailable"
    assert len(service.asked) == evaluated.FAILURES + 1
    # Back: the next probe closes it.
    service.mode = "up"
    now[0] += evaluated.PAUSE_S
    assert said() == "pending_execution"
    assert str(evaluated.circuit.state) == "closed"


@pytest.mark.parametrize("mode", ["down", "nonsense"])
def test_what_makes_no_sense_is_no_price(service: Service, mode: str) -> None:
    service.mode = mode
    assert said() == "control_unavailable"
    assert evaluated.circuit.failures == 1


def test_a_price_from_the_future_is_none(service: Service) -> None:
    service.at = clock.now() + timedelta(minutes=5)
    assert said() == "control_unavailable"


def test_what_the_service_says_is_never_older_than_what_is_known(service: Service) -> None:
    service.at = clock.now() - timedelta(days=2)
    before = ReferencePrice.objects.get(instrument__cusip=trading.BOND)
    said()
    after = ReferencePrice.objects.get(instrument__cusip=trading.BOND)
    assert (after.mid_px, after.at) == (before.mid_px, before.at)


def test_operations_see_how_it_stands(service: Service) -> None:
    client = Client()
    client.force_login(User.objects.get(username="alpha_ops"))
    service.mode = "down"
    for n in range(evaluated.FAILURES):
        said(limit_price=D("99.4") + n)
    page = client.get("/ops/?part=board").content.decode()
    assert "open: not asked" in page
    (row,) = evaluated.standing()
    assert (row.state, row.failures, row.opened) == ("open", 3, 1)


def test_where_there_is_no_service_the_page_does_not_speak_of_one(sandbox: datetime) -> None:
    client = Client()
    client.force_login(User.objects.get(username="alpha_ops"))
    assert "Price service" not in client.get("/ops/?part=board").content.decode()
