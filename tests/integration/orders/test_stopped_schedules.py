"""What mass cancels and kill switches mean by schedules: what they stop sends nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from controls import halts
from controls.models import Halt
from oms_site.firm import generation
from oms_site.kit import clock
from orders import desk, halting, mass_canceling
from orders.models import MassCancel, VenueOrder
from orders.schedules import commands
from orders.stopping import selecting, sizing
from orders.stopping.selecting import Selection
from tests import scheduling, trading
from tests.scheduling import at, run, sent, staged, started, statuses, working
from venues.messages import ExecType, OrdStatus

pytestmark = pytest.mark.usefixtures("sandbox")
TWAP = "limit_order_book/twap"


def _canceled(*, minutes: float = 0.5, wanted: Selection | None = None, **named: str) -> MassCancel:
    with at(minutes):
        row, fresh = mass_canceling.create(
            wanted or Selection(organization_id="beta", **named),
            reason="a test",
            by=scheduling.trader(),
            at=clock.now(),
        )
        assert fresh
        while mass_canceling.drain():
            pass
    return row


def _engaged(scope: str, target: str = "", minutes: float = 0.5) -> Halt:
    by = trading.person("beta_compliance")
    with at(minutes):
        found = halting.target_of(scope, target, by=by)
        row = halts.engage(found, reason="a test", cancels=True, by=by, at=clock.now())
        generation.check()
        halting.drain()
    return row


def _gone(order_id: str) -> None:
    for child in working(order_id):
        ended = {"ord_status": OrdStatus.CANCELED, "leaves_qty": trading.D(0)}
        trading.receive(trading.report(child, ExecType.CANCELED, **ended), venue_id=child.venue_id)


def _state(order_id: str) -> tuple[str, str]:
    row = scheduling.now(order_id)
    return str(row.status), row.reason


def _sends_nothing_more(order_id: str) -> None:
    before = sent(order_id)
    for n in range(1, 12):
        run(n)
    assert sent(order_id) == before
    trading.check_tree(order_id)


def _working_schedule(**more: Any) -> str:
    order_id = staged(client_order_id=more.pop("name", None))
    started(order_id, **more)
    run(0)
    assert len(working(order_id)) == 1
    return order_id


# --- mass cancels ------------------------------------------------------------------------------
def test_a_mass_cancel_of_a_strategy_ends_its_schedules_and_keeps_their_orders() -> None:
    order_id = _working_schedule()
    other = staged()
    started(other, "vwap")
    row = _canceled(strategy=TWAP)
    assert [item.order_id for item in row.items.all()] == [order_id]
    assert _state(order_id) == ("canceled", "stopped")
    assert [child.pending for child in working(order_id)] == ["cancel"]
    assert _state(other)[0] == "working"
    _sends_nothing_more(order_id)
    _gone(order_id)
    assert trading.order(order_id).status == "pending_execution"
    assert statuses(order_id)[1:] == ["skipped"] * 9
    (told,) = mass_canceling.results(row)
    assert told["result"] == "canceled"


def test_a_schedule_with_nothing_at_a_venue_is_meant_too() -> None:
    order_id = staged()
    started(order_id)
    row = _canceled(minutes=0, strategy=TWAP)
    assert [item.order_id for item in row.items.all()] == [order_id]
    assert _state(order_id) == ("canceled", "stopped")
    assert [one["result"] for one in mass_canceling.results(row)] == ["canceled"]
    _sends_nothing_more(order_id)


def test_a_paused_schedule_is_meant_too_and_is_not_resumed() -> None:
    order_id = _working_schedule()
    commands.pause(order_id, by=scheduling.trader(), at=clock.now())
    _canceled(strategy=TWAP)
    assert _state(order_id) == ("canceled", "stopped")


def test_at_a_venue_a_schedule_of_that_venue_ends() -> None:
    order_id = _working_schedule()
    _canceled(venue=trading.VENUE)
    assert _state(order_id) == ("canceled", "stopped")
    _sends_nothing_more(order_id)


def test_at_a_venue_a_schedule_that_chooses_is_paused_where_it_has_something_there() -> None:
    there = _working_schedule(name="there", venue_id="")
    (child,) = working(there)
    elsewhere = _working_schedule(name="elsewhere", venue_id="SIMB")
    assert child.venue_id != "SIMB"
    _canceled(venue=child.venue_id)
    assert _state(there) == ("paused", "stopped")
    assert _state(elsewhere)[0] == "working"
    _sends_nothing_more(there)


@pytest.mark.parametrize(
    "wanted", [{"instrument": trading.BOND}, {"side": "buy"}, {"trader": scheduling.TRADER}]
)
def test_whole_orders_end_their_schedules_at_once(wanted: dict[str, str]) -> None:
    order_id = _working_schedule()
    resting = staged()
    started(resting)
    _canceled(wanted=Selection(organization_id="beta", **wanted))
    # Before any drain of schedules has looked.
    assert _state(order_id) == _state(resting) == ("canceled", "order_canceled")
    assert trading.order(resting).status == "canceled"
    _sends_nothing_more(order_id)


def test_a_venue_that_refuses_the_cancel_does_not_bring_the_schedule_back() -> None:
    order_id = _working_schedule()
    with at(0.5):
        desk.cancel([order_id], by=scheduling.trader(), at=clock.now())
    (child,) = working(order_id)
    trading.receive(trading.cancel_refused(child))
    assert VenueOrder.objects.get(pk=child.pk).pending == ""
    assert trading.order(order_id).pending == ""
    assert _state(order_id) == ("canceled", "order_canceled")
    _sends_nothing_more(order_id)


# --- kill switches -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scope", "target", "reason"),
    [
        ("strategy", TWAP, "stopped"),
        ("venue", trading.VENUE, "stopped"),
        ("organization", "", "order_canceled"),
        ("instrument", trading.BOND, "order_canceled"),
    ],
)
def test_a_kill_switch_ends_schedules_and_is_flat_after_them(
    scope: str, target: str, reason: str
) -> None:
    order_id = _working_schedule()
    halt = _engaged(scope, target)
    assert _state(order_id) == ("canceled", reason)
    assert Halt.objects.get(pk=halt.pk).status == "draining"
    _gone(order_id)
    halting.drain()
    assert Halt.objects.get(pk=halt.pk).status == "confirmed_flat"
    _sends_nothing_more(order_id)


def test_a_switch_over_a_strategy_is_not_flat_while_a_schedule_of_it_is_open() -> None:
    order_id = staged()
    started(order_id)
    by = trading.person("beta_compliance")
    target = halting.target_of("strategy", TWAP, by=by)
    assert halting.alive(target, "beta") == 1
    wanted = selecting.of_scope(target.scope, target.id, organization_id="beta")
    assert sizing.preview(wanted)["orders"] == 1
    halt = _engaged("strategy", TWAP, minutes=0)
    assert Halt.objects.get(pk=halt.pk).status == "confirmed_flat"
    assert _state(order_id) == ("canceled", "stopped")
    assert halting.alive(target, "beta") == 0


def test_under_a_halted_venue_a_schedule_that_chooses_goes_round_it() -> None:
    order_id = _working_schedule(venue_id="")
    (child,) = working(order_id)
    _engaged("venue", child.venue_id)
    assert VenueOrder.objects.get(pk=child.pk).pending == "cancel"
    assert _state(order_id)[0] == "working"
    _gone(order_id)
    run(1)
    (other,) = working(order_id)
    assert other.venue_id != child.venue_id
