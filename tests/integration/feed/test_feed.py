"""Every change of a client's position reaches who listens: at least once, under one id, signed."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import transaction

from allocations.feed import outbox, people, sending, views
from allocations.models import FeedDelivery, FeedEndpoint, Movement, Position
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import lots
from tests import trading
from tests.trading import D

pytestmark = pytest.mark.django_db


@dataclass
class Portfolio:
    """A portfolio system: everything it was told, and what it answers next."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/positions?from=oms"

    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, body in self.told]


@pytest.fixture
def portfolio(sandbox: datetime) -> Iterator[Portfolio]:
    """It listens on this machine, as the sandbox asks for."""
    system = Portfolio()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            system.told.append((dict(self.headers), body))
            status = system.answers.pop(0) if system.answers else 204
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    system.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield system
    server.shutdown()
    thread.join()
    server.server_close()


def registered(portfolio: Portfolio, by: str = "alpha_admin") -> tuple[FeedEndpoint, str]:
    return people.register(
        name="Portfolio", url=portfolio.url, by=trading.person(by), at=clock.now()
    )


def traded(qty: int = 1000) -> None:
    child = trading.routed(qty=D(qty))
    trading.receive(trading.fill(child, qty, cum=qty))
    lots.drain()


def turn(endpoint: FeedEndpoint) -> int:
    return sending.turn(endpoint.id)


def later(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)


def test_a_position_that_changes_is_told_once_with_its_id_and_its_signature(
    portfolio: Portfolio,
) -> None:
    endpoint, secret = registered(portfolio)
    traded()
    (row,) = FeedDelivery.objects.all()
    assert row.account_id == "alpha-002"  # what lies in suspense is nobody's position
    assert turn(endpoint) == 1
    assert turn(endpoint) == 0
    ((headers, body),) = portfolio.told
    position = Position.objects.get(account_id="alpha-002")
    told = json.loads(body)
    assert (told["id"], told["sequence"]) == (headers["X-Oems-Delivery-Id"], position.sequence)
    assert (told["account_code"], told["instrument"]["cusip"]) == ("ALPHA-002", trading.BOND)
    assert D(told["position"]["amount"]) == position.qty == D(1000)
    assert D(told["position"]["cost"]) == position.cost
    stamp, _, mac = headers["X-Oems-Signature"].partition(",v1=")
    signed = stamp.removeprefix("t=").encode() + b"." + body
    assert mac == hmac.new(secret.encode(), signed, sha256).hexdigest()
    row.refresh_from_db()
    assert (row.state, row.status_code) == ("delivered", 204)


def test_a_failure_is_tried_again_later_with_the_same_bytes_under_the_same_id(
    portfolio: Portfolio,
) -> None:
    endpoint, _ = registered(portfolio)
    traded()
    portfolio.answers = [500, 503]
    turn(endpoint)
    assert len(portfolio.told) == 1
    turn(endpoint)
    assert len(portfolio.told) == 1  # it backs off
    with clock.frozen_at(later(10)):
        turn(endpoint)
    with clock.frozen_at(later(60)):
        assert turn(endpoint) == 1
    assert len({body for _, body in portfolio.told}) == 1
    assert [headers["X-Oems-Attempt"] for headers, _ in portfolio.told] == ["1", "2", "3"]


def test_what_a_dead_worker_had_claimed_is_told_again_after_its_lease(portfolio: Portfolio) -> None:
    endpoint, _ = registered(portfolio)
    traded()
    assert len(outbox.claim(endpoint.id, at=clock.now(), most=10)) == 1  # and here it died
    assert turn(endpoint) == 0
    with clock.frozen_at(clock.now() + outbox.LEASE):
        assert turn(endpoint) == 1


def test_what_nobody_takes_is_set_aside_and_sent_again_by_a_person(portfolio: Portfolio) -> None:
    endpoint, _ = registered(portfolio)
    traded()
    portfolio.answers = [500] * outbox.ATTEMPTS_MAX
    at = clock.now()
    for n in range(outbox.ATTEMPTS_MAX):
        with clock.frozen_at(at + timedelta(hours=2 * n)):
            turn(endpoint)
    (row,) = views.deliveries("alpha", state="dead")
    assert (row.attempts, row.status_code, row.due_at) == (outbox.ATTEMPTS_MAX, 500, None)
    with pytest.raises(OmsError):
        people.redeliver(endpoint.id, None, by=trading.person(), at=at)
    ops = trading.person("alpha_ops")
    assert people.redeliver(endpoint.id, None, by=ops, at=at) == [row.pk]
    assert turn(endpoint) == 1
    assert len({told["id"] for told in portfolio.bodies()}) == 1
    assert people.redeliver(endpoint.id, [row.pk], by=ops, at=at) == []


def test_dead_deliveries_are_named_by_their_numbers_over_the_api(
    portfolio: Portfolio, api: Any
) -> None:
    endpoint, _ = registered(portfolio)
    traded()
    traded()
    portfolio.answers = [410, 410]
    turn(endpoint)
    turn(endpoint)
    first, second = sorted(row.pk for row in views.deliveries("alpha", state="dead"))
    path, ops = f"/v1/ops/feed/{endpoint.id}/redeliver/", api("alpha_ops")
    for wrong in ([1.5], ["1"], [True], [-1], [2**63], "all", list(range(1001))):
        status, refused = ops.post(path, {"numbers": wrong})
        assert (status, refused["error_details"][0]["field"]) == (422, "numbers"), wrong
    assert ops.post(path, {"numbers": [second]})[1]["queued"] == [second]
    assert [row.pk for row in views.deliveries("alpha", state="dead")] == [first]


def test_an_address_that_is_gone_for_good_is_not_asked_again(portfolio: Portfolio) -> None:
    endpoint, _ = registered(portfolio)
    traded()
    portfolio.answers = [410]
    turn(endpoint)
    assert FeedDelivery.objects.get().state == "dead"


def test_a_redirect_is_a_failure_and_is_not_followed(portfolio: Portfolio) -> None:
    endpoint, _ = registered(portfolio)
    traded()
    portfolio.answers = [302]
    assert turn(endpoint) == 0
    assert len(portfolio.told) == 1
    assert FeedDelivery.objects.get().state == "retrying"


def test_after_the_first_trouble_the_others_wait_and_cost_no_attempt(portfolio: Portfolio) -> None:
    endpoint, _ = registered(portfolio)
    traded()
    traded()
    portfolio.answers = [500]
    turn(endpoint)
    assert list(FeedDelivery.objects.order_by("id").values_list("attempts", flat=True)) == [1, 0]


def test_changes_are_told_in_their_order_and_numbered_without_a_gap(portfolio: Portfolio) -> None:
    endpoint, _ = registered(portfolio)
    for _ in range(3):
        traded()
    assert turn(endpoint) == 3
    assert [told["sequence"] for told in portfolio.bodies()] == [1, 2, 3]


def test_a_paused_endpoint_is_left_alone_and_takes_up_what_was_queued(portfolio: Portfolio) -> None:
    endpoint, _ = registered(portfolio)
    admin = trading.person("alpha_admin")
    traded()
    people.pause(endpoint.id, by=admin, at=clock.now())
    traded()
    assert outbox.due_endpoints(at=clock.now()) == []
    assert turn(endpoint) == 0
    people.resume(endpoint.id, by=admin, at=clock.now())
    assert turn(endpoint) == 1  # of what changed meanwhile nobody wanted to be told


def test_another_secret_signs_after_it_was_changed_and_none_is_stored(portfolio: Portfolio) -> None:
    endpoint, first = registered(portfolio)
    second = people.rotate(endpoint.id, by=trading.person("alpha_admin"), at=clock.now())
    assert first != second
    kept = "".join(Event.objects.filter(subject=endpoint.id).values_list("body", flat=True))
    assert first not in kept
    assert second not in kept


def test_only_its_own_organization_is_told_and_may_touch_it(portfolio: Portfolio) -> None:
    endpoint, _ = registered(portfolio, "beta_admin")
    traded()
    assert not FeedDelivery.objects.exists()
    with pytest.raises(OmsError) as refused:
        people.pause(endpoint.id, by=trading.person("alpha_admin"), at=clock.now())
    assert refused.value.code == "not_found"
    with pytest.raises(OmsError):
        registered(portfolio, "alpha_ops")


def test_one_address_is_told_once(portfolio: Portfolio) -> None:
    registered(portfolio)
    with pytest.raises(OmsError) as refused:
        registered(portfolio)
    assert refused.value.code == "feed_known"


def test_the_database_queues_a_delivery_for_every_movement_and_keeps_what_was_sent(
    portfolio: Portfolio,
) -> None:
    endpoint, _ = registered(portfolio)
    traded()
    turn(endpoint)
    mine = Movement.objects.filter(account_id="alpha-002").exclude(instrument=None)
    assert FeedDelivery.objects.count() == mine.count() == 1
    with pytest.raises(Exception, match="as it was"), transaction.atomic():
        FeedDelivery.objects.update(body="{}")
