"""Orders that live for a moment or for days, on a policy that allows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk, expiry, routing
from orders.models import ExecutionOrder, Order, VenueOrder
from tests import policies, trading
from venues import messages
from venues.messages import ExecType, NewOrder, OrdStatus
from venues.models import Outbound

D = Decimal


@pytest.fixture(autouse=True)
def everything_is_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


@contextmanager
def _at(moment: datetime) -> Iterator[None]:
    with clock.frozen_at(moment):
        yield


def _sent(child: VenueOrder) -> NewOrder:
    bodies = Outbound.objects.filter(cl_ord_id=child.id).values_list("body", flat=True)
    (message,) = [m for m in map(messages.decode_outgoing, bodies) if isinstance(m, NewOrder)]
    return message


def _refusal(**changes: Any) -> OmsError:
    (result,) = desk.submit([trading.request(**changes)])
    assert result.error is not None
    return result.error


def _close_of(order: Order) -> datetime:
    """When the venue sends it back today."""
    return _sent(VenueOrder.objects.get(order=order)).expire_time or order.expires_at


def _venue_ends_the_day(child: VenueOrder) -> None:
    trading.receive(
        trading.report(child, ExecType.EXPIRED, ord_status=OrdStatus.EXPIRED, leaves_qty=D(0))
    )


def test_what_the_guides_policy_does_not_name_is_refused() -> None:
    policies.agreed(preset="guide", at=clock.now())
    assert _refusal(time_in_force="ioc").code == "tif_not_allowed"


@pytest.mark.parametrize(("tif", "tag"), [("day", "0"), ("ioc", "3"), ("fok", "4"), ("gtc", "0")])
def test_the_venue_is_told_how_long(tif: str, tag: str) -> None:
    assert _sent(trading.routed(time_in_force=tif)).time_in_force == tag


def test_what_an_immediate_order_did_not_get_at_once_is_canceled() -> None:
    child = trading.routed(time_in_force="ioc")
    trading.receive(
        trading.report(child, ExecType.NEW),
        trading.fill(child, 1000, cum=1000),
        trading.report(child, ExecType.CANCELED, ord_status=OrdStatus.CANCELED, leaves_qty=D(0)),
    )
    order = trading.order(child.order_id)
    assert (order.status, order.cum_qty, order.leaves_qty) == ("canceled", D(1000), D(0))
    trading.check_tree(order.id)


def test_an_immediate_order_ends_only_with_its_last_execution_order() -> None:
    order_id = trading.submit(time_in_force="ioc", bypass_auto_execution=True)
    first, second = trading.execute(order_id, 1000), trading.execute(order_id, 2000)
    gone = {"ord_status": OrdStatus.CANCELED, "leaves_qty": D(0)}
    trading.receive(trading.report(first, ExecType.CANCELED, **gone))
    assert trading.order(order_id).status == "pending_execution"
    trading.receive(trading.fill(second, 2000, cum=2000))
    order = trading.order(order_id)
    assert (str(order.status), order.cum_qty) == ("canceled", D(2000))


def test_a_fill_or_kill_order_is_not_split() -> None:
    order_id = trading.submit(time_in_force="fok", bypass_auto_execution=True)
    made = desk.execute(
        order_id,
        trading.instruction(1000),
        by=trading.person(),
        at=clock.now(),
        correlation_id="",
    )
    assert made.error is not None
    assert made.error.code == "fill_or_kill_split"
    halves = (trading.instruction(1000), trading.instruction(2000))
    assert _refusal(time_in_force="fok", instructions=halves).code == "invalid_request"


def test_an_order_for_days_goes_out_again_at_the_next_open_with_what_is_left() -> None:
    child = trading.routed(time_in_force="gtc")
    order = trading.order(child.order_id)
    close = _close_of(order)
    assert close < order.expires_at
    trading.receive(trading.report(child, ExecType.NEW), trading.fill(child, 1000, cum=1000))
    with _at(close):
        assert expiry.sweep() == 0
        _venue_ends_the_day(child)
        order = trading.order(order.id)
        assert (order.status, order.cum_qty, order.leaves_qty) == (
            "partially_filled",
            D(1000),
            D(2000),
        )
        assert order.route_at is not None
        assert order.route_at.date() == datetime(2026, 11, 24, tzinfo=UTC).date()
        routing.drain()
        assert ExecutionOrder.objects.filter(order=order).count() == 1
    with _at(order.route_at):
        routing.drain()
        fresh = VenueOrder.objects.exclude(pk=child.pk).get(order=order)
        assert fresh.qty == 2000
        assert _sent(fresh).expire_time == close + timedelta(days=1)
        trading.receive(trading.fill(fresh, 2000, cum=2000))
    assert trading.order(order.id).status == "filled"
    trading.check_tree(order.id)


def test_a_fill_that_was_on_its_way_at_the_close_counts() -> None:
    child = trading.routed(time_in_force="gtc")
    order = trading.order(child.order_id)
    with _at(_close_of(order)):
        _venue_ends_the_day(child)
        trading.receive(trading.fill(child, 1000, cum=1000, ord_status=OrdStatus.EXPIRED))
    with _at(_close_of(order) + timedelta(hours=18)):
        routing.drain()
    assert trading.order(order.id).cum_qty == 1000
    assert VenueOrder.objects.exclude(pk=child.pk).get(order=order).qty == 2000
    trading.check_tree(order.id)


def test_routing_that_was_down_over_the_close_waits_for_the_open() -> None:
    order_id = trading.submit(time_in_force="gtc")
    with _at(clock.now() + timedelta(hours=12)):
        routing.drain()
        order = trading.order(order_id)
        assert not ExecutionOrder.objects.filter(order=order).exists()
        assert order.route_at is not None
    with _at(order.route_at):
        routing.drain()
    assert VenueOrder.objects.get(order=order).qty == 3000


def test_an_order_for_days_may_come_in_the_evening_and_one_for_the_day_may_not() -> None:
    with _at(datetime(2026, 11, 23, 23, tzinfo=UTC)):
        waiting = trading.order(trading.submit(time_in_force="gtc"))
        refused = trading.order(trading.submit())
    assert waiting.status == "pending_execution"
    assert waiting.trade_date.isoformat() == "2026-11-24"
    assert refused.status == "rejected"


def test_an_order_that_waits_for_the_open_can_be_canceled() -> None:
    child = trading.routed(time_in_force="gtc")
    with _at(_close_of(trading.order(child.order_id))):
        _venue_ends_the_day(child)
        (answer,) = desk.cancel([child.order_id], by=trading.person(), at=clock.now())
    order = trading.order(child.order_id)
    assert (answer.outcome, order.status, order.route_at) == ("canceled", "canceled", None)


def test_nothing_goes_to_a_venue_between_two_sessions() -> None:
    order_id = trading.submit(time_in_force="gtc", bypass_auto_execution=True)
    with _at(clock.now() + timedelta(hours=12)):
        made = desk.execute(
            order_id,
            trading.instruction(1000),
            by=trading.person(),
            at=clock.now(),
            correlation_id="",
        )
    assert made.error is not None
    assert made.error.code == "market_closed"


def test_an_order_till_a_time_expires_then_and_once() -> None:
    end = clock.now() + timedelta(hours=2)
    order_id = trading.submit(time_in_force="gtd", expire_time=end, bypass_auto_execution=True)
    assert trading.order(order_id).expires_at == end
    with _at(end + timedelta(minutes=5)):
        assert expiry.sweep() == 1
        assert expiry.sweep() == 0
    assert trading.order(order_id).status == "expired"


@pytest.mark.parametrize(
    ("days", "code"),
    [(-1, "expire_time_in_past"), (400, "expire_time_too_far"), (None, "expire_time_required")],
)
def test_an_end_that_cannot_be_is_refused(days: int | None, code: str) -> None:
    end = None if days is None else clock.now() + timedelta(days=days)
    assert _refusal(time_in_force="gtd", expire_time=end).code == code


@pytest.mark.parametrize("tif", ["day", "gtc", "ioc"])
def test_only_an_order_till_a_time_names_one(tif: str) -> None:
    end = clock.now() + timedelta(days=2)
    assert _refusal(time_in_force=tif, expire_time=end).code == "expire_time_forbidden"


def test_an_end_before_the_next_session_is_refused() -> None:
    with _at(datetime(2026, 11, 28, 15, tzinfo=UTC)):
        end = datetime(2026, 11, 29, 15, tzinfo=UTC)
        refusal = _refusal(time_in_force="gtd", expire_time=end)
    assert refusal.code == "expire_time_before_session"
