"""Circuit breakers: what has gone too far is halted by itself, and given back as its kind asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from controls import breakers, halts
from controls.models import Breaker, Halt, PriceMark
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaking, desk
from tests import trading
from venues import instruments, market_data
from venues.models import ReferencePrice
from venues.orderbook import Level

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal


@pytest.fixture(autouse=True)
def _no_breaker_but_its_own(sandbox: datetime) -> None:
    Breaker.objects.all().delete()


def _breaker(kind: str = "price_move", **values: Any) -> Breaker:
    numbers = {"most": 10} if kind == "capacity" else {"percent": D(10)}
    terms = {"organization_id": "alpha", "name": "test", "kind": kind, **numbers, **values}
    return Breaker.objects.create(**terms)


def _quote(price: str, *, at: datetime, cusip: str = trading.BOND) -> None:
    facts = instruments.find(cusip)
    assert facts is not None
    ReferencePrice.objects.filter(instrument_id=facts.id).update(
        mid_px=D(price), bid_px=D(price), ask_px=D(price), source="SIMA", at=at
    )
    market_data.forget()


def _look(at: datetime, *, backlog: int = 0) -> int:
    return breakers.look(backlog=lambda: backlog, at=at)


def _moved(to: str, *, after: float = 60.0) -> datetime:
    start = clock.now()
    _quote("100", at=start)
    _look(start)
    later = start + timedelta(seconds=after)
    _quote(to, at=later)
    return later


def test_a_move_of_more_than_ten_percent_halts_the_security() -> None:
    _breaker()
    assert _look(_moved("110.01")) == 1
    halt = Halt.objects.get()
    assert (halt.kind, halt.source, halt.scope) == ("circuit_breaker", "automatic", "instrument")
    assert halt.reason == "test: from 100 to 110.01 (10.01%) within 300 s"
    refused = trading.order(trading.submit(limit_price=D("110")))
    assert (refused.status, refused.reject_code) == ("rejected", "kill_switch")
    assert Event.objects.get(event_type="trading_halt").actor == "system:halts"
    other = trading.order(trading.submit(by="beta_trader", account_id="beta-002"))
    assert other.reject_code != "kill_switch"


@pytest.mark.parametrize(("to", "after"), [("110", 60.0), ("90", 60.0), ("111", 301.0)])
def test_a_smaller_or_slower_move_does_not(to: str, after: float) -> None:
    _breaker()
    assert _look(_moved(to, after=after)) == 0
    assert not Halt.objects.exists()


def test_a_price_that_nobody_quotes_trips_nothing() -> None:
    _breaker()
    later = _moved("150")
    ReferencePrice.objects.update(source="evaluated")
    PriceMark.objects.all().delete()
    assert _look(later) == 0


def test_two_persons_give_it_back_and_the_old_price_trips_it_no_more(sandbox: datetime) -> None:
    _breaker()
    later = _moved("120")
    _look(later)
    halt = Halt.objects.get()
    first, second = trading.person("alpha_compliance"), trading.person("alpha_compliance2")
    halts.request_release(halt.id, reason="news", by=first, at=later)
    with pytest.raises(OmsError, match="Another person"):
        halts.release(halt.id, by=first, at=later)
    halts.release(halt.id, by=second, at=later)
    assert _look(later + timedelta(seconds=1)) == 0
    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO controls_halt SELECT (h).* FROM (SELECT jsonb_populate_record("
            'NULL::controls_halt, to_jsonb(c) || \'{"id": "halt_x", "released_by_id": null}\')'
            " AS h FROM controls_halt c) x"
        )


def test_the_houses_breaker_stops_everybody() -> None:
    _breaker(organization_id="house")
    _look(_moved("120"))
    assert sorted(Halt.objects.values_list("organization_id", flat=True)) == [
        "alpha",
        "beta",
        "house",
    ]
    order = trading.order(trading.submit(by="beta_trader", account_id="beta-002"))
    assert order.reject_code == "kill_switch"


@pytest.mark.parametrize(("bids", "asks", "trips"), [(91, 9, 1), (90, 10, 0), (5, 95, 1)])
def test_a_book_that_leans_halts_the_security(
    monkeypatch: pytest.MonkeyPatch, bids: int, asks: int, trips: int
) -> None:
    class Book:
        def levels(self, name: str) -> list[Level]:
            size = D(bids if name == "sell" else asks)
            return [Level(px=D(100), size=size, orders=1, venue_id="SIMA")]

    monkeypatch.setattr(market_data.shelf, "read", lambda names: {trading.BOND: (object(),)})
    monkeypatch.setattr(breakers, "as_seen", lambda *_, **__: Book())
    _breaker("imbalance", percent=D(90), cusip=trading.BOND)
    assert _look(clock.now()) == trips


def test_over_capacity_orders_are_asked_to_come_later_and_it_ends_by_itself(api: Any) -> None:
    _breaker("capacity")
    assert _look(clock.now(), backlog=10) == 0
    assert _look(clock.now(), backlog=11) == 1
    body = {
        "instrument_id": trading.BOND,
        "account_id": "alpha-002",
        "amount": {"par": 3000},
        "side": "buy",
        "type": "limit",
        "limit_price": 99.5,
    }
    status, said = api("alpha_trader").post("/v1/trading/order/", body)[:2]
    assert (status, said["code"]) == (503, "over_capacity")
    assert _look(clock.now(), backlog=6) == 0
    assert _look(clock.now(), backlog=5) == 1
    assert api("alpha_trader").post("/v1/trading/order/", body)[0] == 201


def test_what_has_been_taken_goes_on_while_capacity_lacks() -> None:
    child = trading.routed()
    _breaker("capacity")
    _look(clock.now(), backlog=11)
    (answer,) = desk.cancel([child.order_id], by=trading.person(), at=clock.now())
    assert answer.outcome == "pending"
    assert breaking.backlog() == 2


def test_an_exchange_halts_a_security_for_everybody_and_resumes_it() -> None:
    def said(*, halted: bool) -> int:
        return breakers.security_status(
            trading.BOND, halted=halted, source="SIMA", text="T1 news pending", at=clock.now()
        )

    assert said(halted=True) == 3
    assert said(halted=True) == 0
    halt = Halt.objects.get(organization_id="alpha")
    assert (halt.kind, halt.source) == ("regulatory", "exchange_directive")
    assert trading.order(trading.submit()).reject_code == "kill_switch"
    with pytest.raises(OmsError) as refused:
        halts.request_release(
            halt.id, reason="x", by=trading.person("alpha_compliance"), at=clock.now()
        )
    assert refused.value.code == "imposed"
    assert said(halted=False) == 3
    assert trading.order(trading.submit(qty=D(4000))).status == "pending_execution"
    assert said(halted=False) == 0
