"""Stops that follow the market: the level comes nearer, never goes back, and survives a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from oms_site.journal.models import Event
from oms_site.kit import clock, ids
from oms_site.kit.errors import OmsError
from orders import routing, tasks, trailing, triggers
from orders.api import intake
from orders.models import Order, VenueOrder
from orders.requests import Handling
from tests import policies, trading
from tests.integration.orders import lists
from venues import market_data
from venues.messages import Quote
from venues.models import ReferencePrice

D = Decimal


@pytest.fixture(autouse=True)
def everything_is_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


@contextmanager
def _later(seconds: float) -> Iterator[None]:
    with clock.frozen_at(clock.now() + timedelta(seconds=seconds)):
        yield


def _trailing(side: str = "sell", **changes: Any) -> str:
    terms: dict[str, Any] = {
        "side": side,
        "ord_type": "trailing_stop",
        "limit_price": None,
        "handling": Handling(trail_amount=D(1)),
    }
    return trading.submit(**{**terms, **changes})


def _level(order_id: str) -> tuple[Decimal | None, Decimal | None]:
    order = Order.objects.get(pk=order_id)
    return order.water_mark, order.trigger_price


@pytest.mark.parametrize(
    ("side", "quotes", "levels"),
    [
        (
            "sell",
            [("99", "99.1"), ("100", "100.1"), ("99.2", "99.3"), ("100.5", "100.6")],
            [("99", "98"), ("100", "99"), ("100", "99"), ("100.5", "99.5")],
        ),
        (
            "buy",
            [("99", "99.1"), ("98", "98.1"), ("98.9", "99"), ("97.9", "98")],
            [("99.1", "100.1"), ("98.1", "99.1"), ("98.1", "99.1"), ("98", "99")],
        ),
    ],
)
def test_the_level_follows_the_best_price_and_never_goes_back(
    side: str, quotes: list[tuple[str, str]], levels: list[tuple[str, str]]
) -> None:
    order_id = _trailing(side)
    for n, (given, wanted) in enumerate(zip(quotes, levels, strict=True), start=1):
        with _later(n):
            lists.quote(*given)
            trailing.drain()
            assert triggers.drain() == 0
        assert _level(order_id) == tuple(D(one) for one in wanted)


def test_it_is_released_where_its_level_stands_and_goes_out_once() -> None:
    order_id = _trailing()
    for n, bid in enumerate(("99", "100"), start=1):
        with _later(n):
            lists.quote(bid, "101")
            trailing.drain()
    with _later(3):
        lists.quote("99", "99.2")
        assert trailing.drain() == 0
        assert triggers.drain() == 1
        routing.drain()
        assert triggers.drain() == 0
    assert VenueOrder.objects.filter(order_id=order_id).count() == 1
    told = Event.objects.get(subject=order_id, event_type="trigger")
    assert '"stop_price":99' in told.body
    assert '"late_trigger":false' in told.body


def test_a_percent_trails_by_its_part_of_the_mark() -> None:
    order_id = _trailing(handling=Handling(trail_percent=D("2.5")))
    with _later(1):
        lists.quote("100", "100.2")
        trailing.drain()
    assert _level(order_id) == (D(100), D("97.5"))


def test_less_than_a_tick_is_not_written() -> None:
    order_id = _trailing()
    for n, bid in enumerate(("99", "99.0005", "99.0009"), start=1):
        with _later(n):
            lists.quote(bid, "99.2")
            trailing.drain()
    assert _level(order_id) == (D(99), D(98))
    assert Event.objects.filter(subject=order_id, event_type="trail").count() == 1
    with _later(5):
        lists.quote("99.001", "99.2")
        assert trailing.drain() == 1
    assert _level(order_id) == (D("99.001"), D("98.001"))


def test_a_gap_through_the_level_while_nobody_watched_triggers_late() -> None:
    order_id = _trailing()
    with _later(1):
        lists.quote("100", "100.2")
        trailing.drain()
        triggers.drain()
    # Nobody looks for a while; the first price after that is fresh, and far below.
    with _later(600):
        lists.quote("95", "95.2")
        trailing.drain()
        assert triggers.drain() == 1
    told = Event.objects.get(subject=order_id, event_type="trigger")
    assert '"late_trigger":true' in told.body


def test_an_order_that_came_after_the_gap_is_not_late() -> None:
    with _later(1):
        triggers.drain()
    with _later(600):
        order_id = trading.submit(side="sell", ord_type="stop", limit_price=None, stop_price=D(98))
        lists.quote("97", "97.2")
        assert triggers.drain() == 1
    told = Event.objects.get(subject=order_id, event_type="trigger")
    assert '"late_trigger":false' in told.body


def test_a_trailing_stop_limit_rests_at_its_limit() -> None:
    order_id = _trailing(ord_type="trailing_stop_limit", limit_price=D("97.5"))
    for n, bid in enumerate(("99", "97.9"), start=1):
        with _later(n):
            lists.quote(bid, "99.5")
            trailing.drain()
            triggers.drain()
            routing.drain()
    assert VenueOrder.objects.get(order_id=order_id).limit_price == D("97.5")


def _in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders get ids that sort as they were made."""
    monkeypatch.setattr(ids, "order_id", lambda: ids.prefixed("mo"))


def test_all_of_them_follow_however_many_a_look_takes_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _in_turn(monkeypatch)
    # The first one's market is shut by then, and it stays on top of every look.
    shut = _trailing(time_in_force="gtc")
    others = [_trailing(time_in_force="gtc", extended_hours=True) for _ in range(2)]
    assert shut < min(others)
    with _later(6.5 * 3600):
        lists.quote("99", "99.1")
        assert trailing.drain(limit=1) == 2
    assert [_level(one) for one in others] == [(D(99), D(98))] * 2
    assert _level(shut) == (None, None)


def test_one_whose_market_is_shut_is_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_turn(monkeypatch)
    stop: dict[str, Any] = {"ord_type": "stop", "handling": Handling(), "stop_price": D(98)}
    shut = _trailing(time_in_force="gtc", **stop)
    others = [_trailing(time_in_force="gtc", extended_hours=True, **stop) for _ in range(2)]
    assert shut < min(others)
    with _later(6.5 * 3600):
        lists.quote("97", "97.1")
        assert triggers.drain(limit=1) == 2
    assert Order.objects.get(pk=shut).triggered_at is None


def test_a_price_without_a_bid_holds_up_nobody() -> None:
    waits = _trailing()
    other = "912810SX7"
    stop: dict[str, Any] = {"ord_type": "stop", "handling": Handling(), "stop_price": D(98)}
    reached = _trailing(instrument_id=other, **stop)
    with _later(1):
        ReferencePrice.objects.update_or_create(
            instrument_id=trading.order(waits).instrument_id,
            defaults={
                "bid_px": None,
                "ask_px": D(99),
                "mid_px": D(99),
                "source": "desk",
                "at": clock.now(),
            },
        )
        told = Quote(other, clock.now(), D(97), D(1000), D("97.1"), D(1000))
        assert market_data.take([told], source=trading.VENUE) == 1
        assert tasks.trigger() == 1
    assert Order.objects.get(pk=reached).triggered_at is not None
    assert _level(waits) == (None, None)


def test_a_trail_that_cannot_be_worked_out_holds_up_no_trigger(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any, **__: Any) -> Decimal:
        raise ValueError("no level")

    monkeypatch.setattr(trailing, "level_of", breaks)
    _trailing()
    stop: dict[str, Any] = {"ord_type": "stop", "handling": Handling(), "stop_price": D(98)}
    reached = _trailing(**stop)
    with _later(1):
        lists.quote("97", "97.1")
        assert tasks.trigger() == 1
    assert Order.objects.get(pk=reached).triggered_at is not None
    assert "no level" in caplog.text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "trailing_stop"}, "trail_required"),
        ({"type": "trailing_stop", "trail_amount": 1, "trail_percent": 1}, "trail_ambiguous"),
        ({"type": "trailing_stop", "trail_percent": 100}, "trail_too_wide"),
        ({"type": "trailing_stop", "trail_amount": 1, "stop_price": 9}, "stop_price_forbidden"),
        ({"type": "trailing_stop_limit", "trail_amount": 1}, "limit_price_required"),
        ({"type": "market", "trail_amount": 1}, "trail_forbidden"),
        ({"type": "trailing_stop", "trail_amount": 0}, "not_positive"),
        ({"type": "market", "display_qty": 0}, "not_positive"),
    ],
)
def test_how_far_it_stays_behind_is_given_where_the_type_trails(
    changes: dict[str, Any], code: str
) -> None:
    body = {
        "instrument_id": trading.BOND,
        "side": "sell",
        "amount": {"par": D(1000)},
        "account_id": "alpha-002",
        **{k: D(v) if isinstance(v, int) else v for k, v in changes.items()},
    }
    with pytest.raises(OmsError) as refusal:
        intake.order(body)
    assert [one.code for one in refusal.value.details] == [code]


@pytest.mark.parametrize("level", ["97.9", "NULL"])
def test_the_database_refuses_a_looser_level(level: str) -> None:
    order_id = _trailing()
    with _later(1):
        lists.quote("99", "99.1")
        trailing.drain()
    mark = "NULL" if level == "NULL" else "99"
    sql = f"UPDATE orders_order SET trigger_price = {level}, water_mark = {mark}, "
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql + "version = version + 1 WHERE id = %s", [order_id])
