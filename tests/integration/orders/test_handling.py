"""How orders want to be handled: shown in parts, at least so much, only waiting, only reducing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from oms_site.kit import clock
from orders import desk, expiry, lots, rerouting, routing, time_in_force
from orders.models import Execution, ExecutionOrder, VenueOrder
from orders.requests import Handling
from tests import policies, trading
from venues import instruments, messages, registry, sessions
from venues.messages import ExecType, NewOrder, OrdStatus
from venues.models import Outbound, TopOfBook

D = Decimal


@pytest.fixture(autouse=True)
def everything_is_allowed(sandbox: datetime) -> None:
    policies.agreed(preset="full", at=sandbox - timedelta(days=1))


def _sent(order_id: str) -> NewOrder:
    child = VenueOrder.objects.get(order_id=order_id)
    (body,) = Outbound.objects.filter(cl_ord_id=child.id).values_list("body", flat=True)
    message = messages.decode_outgoing(body)
    assert isinstance(message, NewOrder)
    return message


def _refused(**changes: Any) -> set[str]:
    (result,) = desk.submit([trading.request(**changes)])
    assert result.error is not None
    return {one.code for one in result.error.details} or {result.error.code}


def test_the_venue_is_told_what_to_show_and_the_least_to_trade() -> None:
    order_id = trading.submit(
        qty=D(10_000),
        handling=Handling(display_qty=D(1_000), min_qty=D(2_000), post_only=True),
    )
    routing.drain()
    sent = _sent(order_id)
    assert (sent.display_qty, sent.min_qty, sent.exec_inst) == (D(1_000), D(2_000), "6")


def test_all_or_none_and_post_only_are_told_together() -> None:
    order_id = trading.submit(all_or_none=True, handling=Handling(post_only=True))
    routing.drain()
    assert _sent(order_id).exec_inst == "G 6"


def _cannot(patch: pytest.MonkeyPatch, *names: str) -> None:
    """No venue knows these instructions, as its format would say."""
    held = {
        venue.id: replace(venue, capabilities=replace(venue.capabilities, refuses=frozenset(names)))
        for venue in registry.every()
        if venue.capabilities is not None
    }
    patch.setattr(registry, "_venues", SimpleNamespace(get=lambda: held))


def test_who_cannot_show_parts_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _cannot(monkeypatch, "display_qty")
    order_id = trading.submit(qty=D(10_000), handling=Handling(display_qty=D(1_000)))
    routing.drain()
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert row.status == "rejected"
    assert "SIMA: takes no orders that are shown in parts" in row.reason
    assert not VenueOrder.objects.exists()


def test_who_names_a_venue_that_cannot_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _cannot(monkeypatch, "display_qty")
    order_id = trading.submit(
        bypass_auto_execution=True, qty=D(10_000), handling=Handling(display_qty=D(1_000))
    )
    made = desk.execute(order_id, trading.instruction(10_000), by=trading.person(), at=clock.now())
    assert made.error is not None
    assert [one.code for one in made.error.details] == ["venue_not_capable"]
    assert "shown in parts" in made.error.details[0].message


def test_all_or_none_of_an_execution_order_is_its_own_and_waits() -> None:
    order_id = trading.submit(bypass_auto_execution=True, qty=D(10_000))
    child = trading.execute(order_id, 4_000, all_or_none=True)
    assert _sent(order_id).exec_inst == "G"
    assert (child.status, Execution.objects.count()) == ("pending_new", 0)


def test_reduce_only_passes_no_more_than_is_held_open_orders_counted() -> None:
    held = trading.routed(qty=D(5_000))
    trading.receive(trading.fill(held, 5_000, cum=5_000))
    lots.drain()
    sell: dict[str, Any] = {"side": "sell", "limit_price": D("100.5")}
    first = trading.order(trading.submit(qty=D(3_000), handling=Handling(reduce_only=True), **sell))
    assert first.status == "pending_execution"
    second = trading.order(
        trading.submit(qty=D(3_000), handling=Handling(reduce_only=True), **sell)
    )
    assert (second.status, second.reject_code) == ("rejected", "reduce_only_would_increase")
    third = trading.order(trading.submit(qty=D(2_000), handling=Handling(reduce_only=True), **sell))
    assert third.status == "pending_execution"


def test_reduce_only_without_a_position_is_rejected() -> None:
    order = trading.order(
        trading.submit(side="sell", limit_price=D(101), handling=Handling(reduce_only=True))
    )
    assert (order.status, order.reject_code) == ("rejected", "reduce_only_would_increase")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"handling": Handling(display_qty=D(4_000))}, "exceeds_amount"),
        ({"handling": Handling(display_qty=D(1_500))}, "off_increment"),
        (
            {"handling": Handling(display_qty=D(1_000)), "ord_type": "market", "limit_price": None},
            "needs_limit_price",
        ),
        ({"handling": Handling(post_only=True), "time_in_force": "ioc"}, "never_rests"),
        ({"handling": Handling(min_qty=D(1_000)), "all_or_none": True}, "min_qty_and_all_or_none"),
        (
            {"handling": Handling(display_qty=D(1_000)), "all_or_none": True},
            "display_qty_and_all_or_none",
        ),
        (
            {"handling": Handling(reduce_only=True), "account_id": None},
            "reduce_only_needs_account",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], code: str) -> None:
    assert code in _refused(**changes)


def test_the_guide_knows_none_of_it(sandbox: datetime) -> None:
    policies.agreed(preset="guide", at=sandbox - timedelta(hours=1))
    assert "handling_not_allowed" in _refused(handling=Handling(post_only=True))
    assert "tif_not_allowed" in _refused(time_in_force="cls")


def _moment(tif: str) -> datetime:
    """Today's official open or close of the market that the bond trades in."""
    facts = instruments.find(trading.BOND)
    assert facts is not None
    book, today = sessions.calendar(facts.market), date(2026, 11, 23)
    if tif == "opg":
        return book.open_for(today, extended=False)
    return book.close_for(today, extended=False)


@pytest.mark.parametrize(("tif", "wire"), [("cls", "7"), ("opg", "2")])
def test_at_the_open_and_at_the_close_go_to_the_venue_until_then(tif: str, wire: str) -> None:
    with clock.frozen_at(_moment(tif) - time_in_force.CUT_OFFS[tif] - timedelta(seconds=1)):
        order_id = trading.submit(time_in_force=tif)
        routing.drain()
        sent = _sent(order_id)
    assert (sent.time_in_force, sent.expire_time) == (wire, _moment(tif))


@pytest.mark.parametrize("tif", ["cls", "opg"])
def test_after_the_cut_off_it_is_refused(tif: str) -> None:
    with clock.frozen_at(_moment(tif) - time_in_force.CUT_OFFS[tif]):
        (result,) = desk.submit([trading.request(time_in_force=tif)])
    assert result.error is not None
    assert result.error.code == "cutoff_passed"


def test_what_was_staged_too_long_is_not_sent_after_the_cut_off() -> None:
    with clock.frozen_at(_moment("cls") - timedelta(hours=1)):
        order_id = trading.submit(time_in_force="cls", bypass_auto_execution=True)
    with clock.frozen_at(_moment("cls") - timedelta(minutes=5)):
        made = desk.execute(
            order_id, trading.instruction(3000), by=trading.person(), at=clock.now()
        )
    assert made.error is not None
    assert made.error.code == "cutoff_passed"


def test_what_is_for_the_close_is_not_moved_to_where_it_would_trade_now() -> None:
    with clock.frozen_at(_moment("cls") - timedelta(hours=1)):
        held = trading.routed(time_in_force="cls")
        plain = trading.routed(qty=D(2_000))
        for child in (held, plain):
            trading.receive(trading.report(child, ExecType.NEW))
    later = _moment("cls") - timedelta(minutes=30)
    for venue in ("SIMA", "SIMB"):  # every venue would trade both of them
        offered = {"ask_px": D(99), "at": later}
        TopOfBook.objects.create(instrument=plain.order.instrument, venue_id=venue, **offered)
    assert [one.id for one in rerouting._resting(later, 10)] == [plain.id]


def test_what_the_close_did_not_fill_expires_with_the_venues_word() -> None:
    with clock.frozen_at(_moment("cls") - timedelta(hours=1)):
        child = trading.routed(time_in_force="cls")
    with clock.frozen_at(_moment("cls") + timedelta(seconds=1)):
        assert expiry.sweep() == 0
        trading.receive(
            trading.fill(child, 1_000, cum=1_000),
            trading.report(
                child,
                ExecType.EXPIRED,
                ord_status=OrdStatus.EXPIRED,
                cum_qty=D(1_000),
                leaves_qty=D(0),
            ),
        )
    order = trading.order(child.order_id)
    assert (order.status, order.cum_qty) == ("expired", D(1_000))
