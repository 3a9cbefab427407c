"""Orders that wait for a price: released once, by a quote of a venue, and never by an old one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, expiry, routing, triggers
from orders.models import VenueOrder
from tests import policies, trading
from venues import market_data, messages
from venues.messages import NewOrder, Quote
from venues.models import Outbound

D = Decimal


@pytest.fixture(autouse=True)
def everything_is_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


@contextmanager
def _later(seconds: float) -> Iterator[None]:
    with clock.frozen_at(clock.now() + timedelta(seconds=seconds)):
        yield


def _quote(bid: str, ask: str) -> None:
    quote = Quote(
        security_id=trading.BOND,
        at=clock.now(),
        bid_px=D(bid),
        bid_size=D(1000),
        ask_px=D(ask),
        ask_size=D(1000),
    )
    assert market_data.take([quote], source=trading.VENUE) == 1
    market_data.forget()


def _stop(**changes: Any) -> str:
    terms: dict[str, Any] = {
        "side": "sell",
        "ord_type": "stop",
        "limit_price": None,
        "stop_price": D(98),
    }
    return trading.submit(**{**terms, **changes})


def _sent(order_id: str) -> NewOrder:
    child = VenueOrder.objects.get(order_id=order_id)
    (body,) = Outbound.objects.filter(cl_ord_id=child.id).values_list("body", flat=True)
    message = messages.decode_outgoing(body)
    assert isinstance(message, NewOrder)
    return message


def test_a_stop_waits_until_the_bid_is_there_and_goes_out_once_as_a_market_order() -> None:
    order_id = _stop()
    order = trading.order(order_id)
    assert (order.status, order.route_at) == ("pending_execution", None)
    with _later(1):
        _quote("98.01", "98.11")
        assert triggers.drain() == 0
        assert routing.drain() == 0
    with _later(2):
        _quote("98", "98.10")
        assert triggers.drain() == 1
        assert triggers.drain() == 0
        routing.drain()
    sent = _sent(order_id)
    assert (sent.ord_type, sent.price) == ("1", None)
    told = Event.objects.get(subject=order_id, event_type="trigger")
    assert '"bid":98' in told.body
    assert '"late_trigger":false' in told.body


def test_a_stop_limit_rests_at_its_limit() -> None:
    order_id = _stop(ord_type="stop_limit", limit_price=D("97.5"))
    with _later(1):
        _quote("97", "97.1")
        triggers.drain()
        routing.drain()
    sent = _sent(order_id)
    assert (sent.ord_type, sent.price) == ("2", D("97.5"))


@pytest.mark.parametrize(
    ("side", "ord_type", "no", "yes"),
    [
        ("buy", "stop", ("98.9", "98.99"), ("98.9", "99")),
        ("sell", "stop", ("99.01", "99.1"), ("99", "99.1")),
        ("buy", "market_if_touched", ("98.9", "99.01"), ("98.9", "99")),
        ("sell", "market_if_touched", ("98.99", "99.1"), ("99", "99.1")),
    ],
)
def test_each_side_is_released_by_the_price_it_would_get(
    side: str, ord_type: str, no: tuple[str, str], yes: tuple[str, str]
) -> None:
    order_id = _stop(side=side, ord_type=ord_type, stop_price=D(99))
    with _later(1):
        _quote(*no)
        assert triggers.drain() == 0
    with _later(2):
        _quote(*yes)
        assert triggers.drain() == 1
    assert trading.order(order_id).triggered_at is not None


def test_a_quote_from_before_the_order_releases_nothing() -> None:
    _quote("97", "97.1")
    with _later(1):
        _stop()
        assert triggers.drain() == 0


def test_a_price_that_came_while_nobody_watched_is_acted_on_and_said_to_be_late() -> None:
    order_id = _stop()
    with _later(5):
        _quote("97", "97.1")
    with _later(600):
        assert triggers.drain() == 1
    told = Event.objects.get(subject=order_id, event_type="trigger")
    assert '"late_trigger":true' in told.body


def test_nothing_is_released_while_the_market_is_shut() -> None:
    _stop(time_in_force="gtc")
    with _later(12 * 3600):
        _quote("97", "97.1")
        assert triggers.drain() == 0
    with _later(24 * 3600):
        assert triggers.drain() == 1


def test_a_waiting_order_cannot_be_executed_by_hand() -> None:
    order_id = _stop()
    made = desk.execute(
        order_id,
        trading.instruction(1000),
        by=trading.person(),
        at=clock.now(),
        correlation_id="",
    )
    assert made.error is not None
    assert made.error.code == "not_triggered"


def test_a_waiting_order_is_canceled_and_expires_like_any_other() -> None:
    canceled, expired = _stop(), _stop(stop_price=D(97))
    desk.cancel([canceled], by=trading.person(), at=clock.now())
    with _later(12 * 3600):
        expiry.sweep()
    assert trading.order(canceled).status == "canceled"
    assert trading.order(expired).status == "expired"
    with _later(1):
        _quote("96", "96.1")
        assert triggers.drain() == 0


@pytest.mark.parametrize(
    "change", ["stop_price = 1", "stop_price = NULL", "ord_type = 'market'", "ord_type = 'stop'"]
)
def test_the_trigger_is_a_term_and_never_changes(change: str) -> None:
    order_id = _stop(ord_type="stop_limit", limit_price=D("97.5"))
    with (
        pytest.raises(
            IntegrityError, match=r"its terms never change|only to those of a new revision"
        ),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"UPDATE orders_order SET {change}, version = version + 1 WHERE id = %s", [order_id]
        )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "stop"}, "stop_price_required"),
        ({"type": "stop", "stop_price": "98", "limit_price": "99"}, "limit_price_forbidden"),
        ({"type": "stop_limit", "stop_price": "98"}, "limit_price_required"),
        ({"type": "market", "stop_price": "98"}, "stop_price_forbidden"),
        ({"type": "stop", "stop_price": "-1"}, "not_positive"),
    ],
)
def test_prices_are_given_where_the_type_has_them(
    api: Any, body: dict[str, Any], code: str
) -> None:
    asked = {
        "account_id": "alpha-002",
        "instrument_id": trading.BOND,
        "amount": {"par": "3000"},
        "side": "sell",
        **body,
    }
    status, answer = api("alpha_trader").post("/v1/trading/order/", asked)[:2]
    assert status == 422
    assert code in str(answer)
