"""An outside price service asked before the controls look: slow, away, wrong, and back again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
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
from oms_site.kit.errors import NotFound
from orders import desk
from orders.desk.reviewing import Decision
from tests import policies, scheduling, trading
from tests.integration.orders import lists
from tests.integration.orders.limits import in_force
from tests.integration.replacing import story
from venues import market_data
from venues.market_data import evaluated
from venues.messages import Quote
from venues.models import ReferencePrice

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal
OTHER = "912810SX7"
DROPS = 100


class Service:
    """A price service of the test's own, on a port of this machine."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.mode = "up"
        self.mid = 99.4
        self.of: dict[str, list[dict[str, Any]]] = {}  # what is said otherwise of one, or twice
        self.at = clock.now()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                (names,) = parse_qs(urlsplit(self.path).query)["cusips"]
                outer.asked.append(names.split(","))
                status, body = outer.answer(names.split(","))
                with suppress(OSError):  # whoever asked may be gone
                    self.send_response(status)
                    if outer.mode == "slow head":
                        self._trickle(b"X-Pad: no\r\n")
                    self.end_headers()
                    if outer.mode == "slow body":
                        self._trickle(b" ")
                    self.wfile.write(body)

            def _trickle(self, drop: bytes) -> None:
                self.flush_headers()
                for _ in range(DROPS):
                    self.wfile.write(drop)
                    time.sleep(evaluated.PATIENCE_S / 10)

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
        told = [
            {"cusip": name, "mid": self.mid, "at": at, **change}
            for name in names
            for change in self.of.get(name, [{}])
        ]
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


@pytest.fixture
def everything_is_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def grown_old() -> None:
    """What the service said a while ago is old again, and may be asked for."""
    ReferencePrice.objects.update(at=clock.now() - timedelta(days=1))
    market_data.forget()
    evaluated._asked_at.clear()


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


@pytest.mark.usefixtures("everything_is_allowed")
def test_a_list_of_orders_is_asked_about_as_one_order_is(service: Service) -> None:
    made = lists.made("oco", lists.profit(), lists.loss())
    assert [trading.order(name).reject_code for name in made] == ["", ""]
    assert service.asked == [[trading.BOND]]


@pytest.mark.usefixtures("everything_is_allowed")
def test_an_amendment_asks_again_for_what_has_grown_old(service: Service) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    grown_old()
    assert story.amend(order_id, limit_price="99.25").error is None
    assert trading.order(order_id).limit_price == D("99.25")
    assert service.asked == [[trading.BOND]] * 2


def test_who_takes_a_staged_order_to_market_asks_again(service: Service) -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    grown_old()
    trading.execute(order_id, 3000)
    assert service.asked == [[trading.BOND]] * 2


def test_who_has_an_order_worked_by_a_schedule_asks_again(service: Service) -> None:
    in_force("price.collar", of="beta", max_percent="5", max_age_s=60)
    order_id = scheduling.staged()
    grown_old()
    scheduling.started(order_id)
    assert service.asked == [[trading.BOND]] * 2


def test_who_releases_an_order_asks_again_and_nobody_else_s(service: Service) -> None:
    in_force("size.max_quantity", remediation="flag", max_qty="1000")
    order_id = trading.submit()
    assert trading.order(order_id).status == "pending_approval"
    grown_old()

    def decided(by: str) -> Decision:
        return desk.decide(
            order_id,
            approve=True,
            annotation="ok",
            client_decision_id="",
            by=trading.person(by),
            at=clock.now(),
        )

    with pytest.raises(NotFound):
        decided("beta_compliance")
    assert len(service.asked) == 1
    assert decided("alpha_compliance").error is None
    assert trading.order(order_id).status == "pending_execution"
    assert service.asked == [[trading.BOND]] * 2


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


@pytest.mark.parametrize("mode", ["slow head", "slow body"])
def test_a_service_that_trickles_its_answer_holds_nobody_longer(
    service: Service, mode: str
) -> None:
    """Each drop comes in time and the whole in ten times the patience: it would be a price."""
    service.mode = mode
    assert said() == "control_unavailable"
    assert evaluated.circuit.failures == 1
    service.mode = "up"
    assert said(limit_price=D("99.41")) == "pending_execution"
    assert evaluated.circuit.failures == 0


@pytest.mark.parametrize(
    "odd",
    [
        {"mid": 0},
        {"mid": None},
        {"mid": "NaN"},
        {"mid": "Infinity"},
        {"mid": 1e11},
        {"mid": 1e-9},
        {"bid": -1},
        {"ask": "sNaN"},
        {"bid": 101, "ask": 99},
        {"at": "2026-11-23T10:00:00"},
        {"at": "2026-11-23T20:00:00Z"},
    ],
)
def test_an_odd_price_of_one_security_takes_no_other_s_away(
    service: Service, odd: dict[str, Any]
) -> None:
    service.of[OTHER] = [odd]
    asked = [trading.request(), trading.request(instrument_id=OTHER, limit_price=D(101))]
    made = [trading.order(one.order_id) for one in desk.submit(asked)]
    assert [one.reject_code or one.status for one in made] == [
        "pending_execution",
        "control_unavailable",
    ]
    # Alone it is no reason either to ask nobody any more.
    for n in range(evaluated.FAILURES):
        evaluated._asked_at.clear()
        assert said(instrument_id=OTHER, limit_price=D(100) + n) == "control_unavailable"
    assert (evaluated.circuit.failures, str(evaluated.circuit.state)) == (0, "closed")


def test_of_a_price_that_is_told_twice_the_newer_counts(service: Service) -> None:
    earlier = (service.at - timedelta(seconds=30)).isoformat()
    service.of[trading.BOND] = [{"mid": 99.45}, {"mid": 99.3, "at": earlier}, {"mid": "sNaN"}]
    assert said() == "pending_execution"
    row = ReferencePrice.objects.get(instrument__cusip=trading.BOND)
    assert (row.mid_px, row.at) == (D("99.45"), service.at)


@pytest.mark.parametrize(("silent_s", "verdict"), [(5, "control_unavailable"), (60, "")])
def test_venues_that_contradict_each_other_have_no_price_until_they_are_silent(
    service: Service, silent_s: int, verdict: str
) -> None:
    with clock.frozen_at(clock.now() - timedelta(seconds=silent_s)):
        for venue, px in (("SIMA", 101), ("SIMB", 99)):
            top = Quote(security_id=trading.BOND, at=clock.now(), bid_px=D(px), ask_px=D(px + 1))
            market_data.take([top], source=venue)
    ReferencePrice.objects.update(at=clock.now() - timedelta(days=1))
    market_data.forget()
    was = ReferencePrice.objects.get(instrument__cusip=trading.BOND)
    assert was.crossed
    order = trading.order(trading.submit())
    assert order.reject_code == verdict
    row = ReferencePrice.objects.get(instrument__cusip=trading.BOND)
    assert (row.crossed, row.source == "evaluated") == (bool(verdict), not verdict)


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
