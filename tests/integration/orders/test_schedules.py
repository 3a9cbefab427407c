"""Orders worked by schedules: slices on time, what comes back, limits, pauses and ends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controls import halts
from oms_site.firm import generation
from oms_site.firm.models import ApiKey, digest
from oms_site.journal.models import Event
from oms_site.kit import clock
from orders import desk, expiry, halting, routing
from orders.models import Ruleset, Schedule
from orders.requests import SCHEDULED, Instruction, Scheduled, ScheduleTerms
from orders.schedules import commands, sending
from orders.schedules.shapes import STYLES
from tests import hiring, scheduling, trading
from tests.scheduling import at, fill, run, sent, slices, staged, started, statuses, working
from venues.messages import ExecType, OrdStatus

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


def events(order_id: str, name: str) -> list[Event]:
    return list(Event.objects.filter(order_id=order_id, event_type=name).order_by("pk"))


def canceled(order_id: str) -> None:
    """The venue confirms every cancel that was asked of it."""
    for child in working(order_id):
        if child.pending == "cancel":
            trading.receive(
                trading.report(
                    child,
                    ExecType.CANCELED,
                    ord_status=OrdStatus.CANCELED,
                    cum_qty=child.cum_qty,
                    leaves_qty=D(0),
                    cl_ord_id=child.cancel_cl_ord_id,
                    orig_cl_ord_id=child.id,
                )
            )


def test_twap_sends_ten_slices_a_minute_apart_and_nothing_else() -> None:
    order_id = staged()
    row = started(order_id)
    assert [(one.due_at, one.qty) for one in slices(order_id)] == [
        (scheduling.moment(n), D(1000)) for n in range(10)
    ]
    for n in range(10):
        assert run(n) == 1
        assert run(n + 0.9) == 0
        fill(order_id, n)
    made = scheduling.execution_orders(order_id)
    assert [(one.created_at, one.qty) for one in made] == [
        (scheduling.moment(n), D(1000)) for n in range(10)
    ]
    assert [one.rule for one in made] == [f"{row.id}/{n}" for n in range(1, 11)]
    assert {(one.origin, one.strategy) for one in made} == {("schedule", "twap")}
    run(9.95)
    order, row = trading.order(order_id), scheduling.now(order_id)
    assert (order.status, order.cum_qty) == ("filled", D(10_000))
    assert (row.status, row.reason, row.next_at) == ("finished", "order_filled", None)
    assert statuses(order_id) == ["filled"] * 10
    trading.check_tree(order_id)


def test_what_rests_is_asked_back_before_the_next_slice_and_goes_with_it() -> None:
    order_id = staged()
    started(order_id, max_slice=D(2000))
    run(0)
    (first,) = working(order_id)
    assert run(1) == 0, "it waits for the venue's word"
    assert working(order_id)[0].pending == "cancel"
    with at(1):
        canceled(order_id)
    assert run(1.02) == 1
    assert sent(order_id) == [1000, 2000]
    assert statuses(order_id)[:2] == ["returned", "sent"]
    assert first.qty == 1000
    trading.check_tree(order_id)


def test_a_venue_that_does_not_answer_holds_no_slice_up_for_long() -> None:
    order_id = staged()
    started(order_id)
    run(0)
    assert run(1) == 0
    assert run(1.1) == 1
    assert sent(order_id) == [1000, 1000]
    trading.check_tree(order_id)


def test_what_is_kept_resting_counts_as_sent() -> None:
    order_id = staged()
    started(order_id, remainder="keep")
    for n in range(3):
        assert run(n) == 1
    assert sent(order_id) == [1000] * 3
    assert len(working(order_id)) == 3
    trading.check_tree(order_id)


def test_a_slice_that_gives_back_all_does_not_end_its_order() -> None:
    order_id = staged()
    started(order_id)
    run(0)
    commands.pause(order_id, by=scheduling.trader(), at=clock.now(), cancel_resting=True)
    canceled(order_id)
    order = trading.order(order_id)
    assert (order.status, order.execution_orders_made) == ("pending_execution", 1)


def test_a_pause_sends_nothing_and_what_was_missed_is_caught_up_within_the_limit() -> None:
    order_id = staged()
    started(order_id)
    run(0)
    fill(order_id)
    with at(0.5):
        row = commands.pause(order_id, by=scheduling.trader(), at=clock.now())
    assert row.status == "paused"
    for n in range(1, 5):
        assert run(n) == 0
    with at(4.5):
        commands.resume(order_id, by=scheduling.trader(), at=clock.now())
    assert run(4.5) == 1
    # Four were due and two of them are the most that one slice may be.
    assert sent(order_id) == [1000, 2000]
    assert statuses(order_id)[:5] == ["filled", "skipped", "skipped", "skipped", "sent"]
    fill(order_id, 4.6)
    for n in range(5, 10):
        run(n)
        fill(order_id, n)
    assert sent(order_id) == [1000, 2000, 2000, 2000, 1000, 1000, 1000]
    assert trading.order(order_id).status == "filled"


def test_a_pause_asks_back_what_rests_only_when_told() -> None:
    order_id = staged()
    started(order_id)
    run(0)
    commands.pause(order_id, by=scheduling.trader(), at=clock.now())
    assert [child.pending for child in working(order_id)] == [""]
    commands.pause(order_id, by=scheduling.trader(), at=clock.now(), cancel_resting=True)
    assert [child.pending for child in working(order_id)] == ["cancel"]
    assert len(events(order_id, "schedule_pause")) == 1


def test_after_an_outage_only_the_last_slice_that_was_missed_goes_out() -> None:
    order_id = staged()
    started(order_id)
    assert run(6.5) == 1
    assert sent(order_id) == [2000]
    assert statuses(order_id)[:8] == ["skipped"] * 6 + ["sent", "planned"]
    assert run(6.6) == 0


def test_at_its_end_what_rests_is_asked_back_and_the_rest_stays_on_the_order() -> None:
    order_id = staged()
    started(order_id, minutes=2, slices=2)
    run(0)
    run(1)
    run(1.1)
    assert run(2) == 1
    row = scheduling.now(order_id)
    assert (row.status, row.reason) == ("finished", "its_time_is_over")
    assert {child.pending for child in working(order_id)} == {"cancel"}
    canceled(order_id)
    assert trading.order(order_id).status == "pending_execution"
    assert (
        desk.execute(
            order_id, trading.instruction(10_000), by=scheduling.trader(), at=clock.now()
        ).error
        is None
    )


def test_at_its_end_what_rests_may_be_left() -> None:
    order_id = staged()
    started(order_id, minutes=2, slices=2, completion="leave", remainder="keep")
    run(0)
    run(1)
    run(2)
    assert {child.pending for child in working(order_id)} == {""}
    assert scheduling.now(order_id).status == "finished"


def test_a_canceled_order_ends_its_schedule() -> None:
    order_id = staged()
    started(order_id)
    run(0)
    with at(0.5):
        desk.cancel([order_id], by=scheduling.trader(), at=clock.now())
    row = scheduling.now(order_id)
    assert (row.status, row.reason) == ("canceled", "order_canceled")
    assert run(0.5) == 0
    assert statuses(order_id) == ["sent"] + ["skipped"] * 9
    for n in range(1, 10):
        assert run(n) == 0
    assert sent(order_id) == [1000]


def test_an_expired_order_ends_its_schedule() -> None:
    order_id = staged()
    with at(0):
        started(order_id, minutes=60)
    with clock.frozen_at(trading.order(order_id).expires_at):
        expiry.sweep()
        sending.drain()
    row = scheduling.now(order_id)
    assert (row.status, row.reason) == ("expired", "order_expired")


def test_a_paused_schedule_is_over_at_its_end() -> None:
    order_id = staged()
    started(order_id)
    commands.pause(order_id, by=scheduling.trader(), at=clock.now())
    assert run(9) == 0
    assert run(10) == 1
    row = scheduling.now(order_id)
    assert (row.status, row.reason) == ("expired", "paused_until_its_end")


def test_a_switch_over_who_started_a_schedule_ends_it_on_a_colleagues_order_too() -> None:
    colleague = hiring.hire("beta_trader2", of="beta", roles=["trader"])
    token = "oems_test_beta_trader2"
    ApiKey.objects.create(
        user=colleague, digest=digest(token), prefix=token, created_at=clock.now()
    )
    order_id = staged(by="beta_trader2")
    started(order_id)
    run(0)
    fill(order_id)
    by = trading.person("beta_compliance")
    target = halting.target_of("trader", scheduling.TRADER, by=by)
    halts.engage(target, reason="for a test", cancels=False, by=by, at=clock.now())
    assert run(1) == 1
    row = scheduling.now(order_id)
    assert (row.status, row.reason) == ("canceled", "trading_halted")
    assert sent(order_id) == [1000]


def test_a_halt_refuses_the_slice_and_ends_the_schedule() -> None:
    order_id = staged()
    started(order_id)
    run(0)
    fill(order_id)
    target = halts.Target("instrument", trading.BOND, "the bond")
    by = trading.person("beta_compliance")
    halts.engage(target, reason="for a test", cancels=False, by=by, at=clock.now())
    assert run(1) == 1
    row = scheduling.now(order_id)
    assert (row.status, row.reason) == ("canceled", "trading_halted")
    assert "halted" in slices(order_id)[1].reason
    (refused,) = events(order_id, "schedule_slice_refuse")
    assert refused.seq > 0
    assert sent(order_id) == [1000]


def test_a_slice_that_a_venue_refuses_gives_its_quantity_back_with_the_reason() -> None:
    order_id = staged()
    started(order_id, max_slice=D(2000))
    run(0)
    (child,) = working(order_id)
    trading.receive(
        trading.report(
            child,
            ExecType.REJECTED,
            ord_status=OrdStatus.REJECTED,
            leaves_qty=D(0),
            text="unknown symbol",
        )
    )
    assert run(1) == 1
    first = slices(order_id)[0]
    assert (first.status, first.reason) == ("returned", "unknown symbol")
    assert sent(order_id) == [1000, 2000]


def test_what_somebody_takes_himself_is_not_sent_again() -> None:
    order_id = staged()
    started(order_id)
    taken = desk.execute(
        order_id, trading.instruction(9_000), by=scheduling.trader(), at=clock.now()
    )
    assert taken.error is None
    run(0)
    run(1)
    assert run(1.1) == 1
    assert sent(order_id) == [1000]
    assert slices(order_id)[1].reason == "taken_elsewhere"
    trading.check_tree(order_id)


def test_the_tighter_of_both_limits_is_sent() -> None:
    order_id = staged(limit_price=D("99.5"))
    started(order_id, limit_price=D("99.25"))
    run(0)
    assert working(order_id)[0].limit_price == D("99.25")


def test_without_a_live_book_a_limited_participation_sends_nothing() -> None:
    order_id = staged()
    started(order_id, max_participation=D(10))
    assert run(0) == 1
    assert [one.reason for one in slices(order_id)[:1]] == ["no_live_book"]


@pytest.mark.parametrize(
    ("terms", "more", "code"),
    [
        ({}, {"limit_price": D("99.75")}, "limit_worse_than_order"),
        ({}, {"qty": D(11_000)}, "exceeds_open_quantity"),
        ({}, {"max_slice": D(500)}, "schedule_cannot_be_cut"),
        ({}, {"minutes": 60 * 24}, "schedule_after_expiry"),
        ({}, {"minutes": 0}, "schedule_outside_session"),
        ({}, {"slices": 500, "minutes": 1}, "slices_too_close"),
        ({}, {"slices": 1, "max_participation": D(10)}, "participation_needs_slices"),
        ({}, {"venue_id": "NOWHERE"}, "venue_not_found"),
        ({}, {"urgency": D(2)}, "urgency_forbidden"),
        ({"time_in_force": "ioc"}, {}, "schedule_needs_time"),
        ({"all_or_none": True}, {}, "schedule_needs_time"),
    ],
)
def test_what_cannot_be_is_refused_with_its_code(
    terms: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    order_id = staged(**terms)
    made = commands.start(
        order_id,
        scheduling.asked(**more),
        by=scheduling.trader(),
        at=clock.now(),
    )
    assert made.error is not None
    assert made.error.code == code
    assert not Schedule.objects.exists()
    assert len(events(order_id, "schedule_reject")) == 1


def test_the_guides_policy_has_no_schedules() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    made = commands.start(order_id, scheduling.asked(), by=trading.person(), at=clock.now())
    assert made.error is not None
    assert made.error.code == "schedule_not_allowed"


def test_an_order_has_one_open_schedule_and_may_have_another_after_it() -> None:
    order_id = staged()
    started(order_id)
    again = commands.start(order_id, scheduling.asked(), by=scheduling.trader(), at=clock.now())
    assert again.error is not None
    assert again.error.code == "schedule_open"
    commands.cancel(order_id, by=scheduling.trader(), at=clock.now())
    with at(0.1):
        started(order_id, "vwap")
    assert Schedule.objects.count() == 2


def test_the_same_client_id_answers_with_what_it_made() -> None:
    order_id = staged()
    asked = scheduling.asked(client_schedule_id="once")
    first = commands.start(order_id, asked, by=scheduling.trader(), at=clock.now())
    second = commands.start(order_id, asked, by=scheduling.trader(), at=clock.now())
    assert first.row is not None
    assert second.row is not None
    assert (second.row.id, second.replayed) == (first.row.id, True)
    other = scheduling.asked("vwap", client_schedule_id="once")
    third = commands.start(order_id, other, by=scheduling.trader(), at=clock.now())
    assert third.error is not None
    assert third.error.code == "idempotency_conflict"


def scheduled(**more: object) -> Instruction:
    terms = {"end_time": clock.now() + 5 * scheduling.MINUTE, "slices": 5}
    return Scheduled(
        protocol="limit_order_book",
        strategy="twap",
        qty=D(5000),
        venue_id=trading.VENUE,
        parameters=ScheduleTerms(**terms),  # type: ignore[arg-type]  # a time and a number
        **more,  # type: ignore[arg-type]  # any terms
    )


def test_an_order_may_bring_its_schedule_with_it() -> None:
    order_id = scheduling.submit(qty=D(10_000), instructions=(scheduled(),))
    routing.drain()
    row = scheduling.now(order_id)
    assert (row.origin, row.qty, row.status) == ("instruction", D(5000), "working")
    assert run(0) == 1
    assert sent(order_id) == [1000]
    assert trading.order(order_id).route_at is None


def test_a_schedule_that_cannot_be_leaves_its_order_staged_and_says_why() -> None:
    late = ScheduleTerms(end_time=clock.now() + 60 * 24 * scheduling.MINUTE)
    order_id = scheduling.submit(
        qty=D(5000),
        instructions=(
            Scheduled(protocol="limit_order_book", strategy="twap", qty=D(5000), parameters=late),
        ),
    )
    routing.drain()
    assert not Schedule.objects.exists()
    (refused,) = events(order_id, "execution_order_reject")
    assert "schedule_after_expiry" in refused.body
    assert trading.order(order_id).route_at is None


def test_an_order_that_comes_back_on_its_next_day_is_not_scheduled_again() -> None:
    order_id = scheduling.submit(qty=D(10_000), time_in_force="gtc", instructions=(scheduled(),))
    routing.drain()
    run(0)
    (child,) = working(order_id)
    run(5)
    trading.receive(
        trading.report(child, ExecType.EXPIRED, ord_status=OrdStatus.EXPIRED, leaves_qty=D(0))
    )
    order = trading.order(order_id)
    assert order.route_at is not None
    with clock.frozen_at(order.route_at):
        routing.drain()
        assert trading.order(order_id).route_at is None
        assert Schedule.objects.count() == 1


def rule(strategy: str) -> None:
    """A rule that routes everything so."""
    then = {"protocol": "limit_order_book", "strategy": strategy}
    Ruleset.objects.create(
        organization_id="beta",
        version=1,
        rules=[{"id": "all", "when": {}, "then": then}],
        active=True,
        created_at=clock.now(),
    )
    generation.check()


def test_a_rule_may_start_a_schedule() -> None:
    rule("twap")
    order_id = scheduling.submit(qty=D(10_000))
    routing.drain()
    row = scheduling.now(order_id)
    assert (row.origin, row.qty, len(slices(order_id))) == ("ruleset", D(10_000), 10)
    assert row.end_at == trading.order(order_id).expires_at


def test_a_schedule_over_a_night_goes_on_and_no_rule_takes_its_order_meanwhile() -> None:
    rule("smart_order_routing")
    order_id = scheduling.submit(
        qty=D(10_000), time_in_force="gtc", explicit_cancelation_required=True
    )
    routing.drain()
    (child,) = working(order_id)
    by = scheduling.trader()
    desk.cancel_execution(order_id, child.execution_order_id, by=by, at=clock.now())
    canceled(order_id)
    started(order_id, minutes=28 * 60, slices=10)
    planned = [one.due_at for one in slices(order_id)]
    assert [due.day for due in planned] == [23] * 6 + [24] * 4
    run(0)
    (child,) = working(order_id)
    with at(6 * 60 + 1):
        trading.receive(
            trading.report(child, ExecType.EXPIRED, ord_status=OrdStatus.EXPIRED, leaves_qty=D(0))
        )
    opens = trading.order(order_id).route_at
    assert opens is not None
    with clock.frozen_at(opens):
        routing.drain()
    assert trading.order(order_id).route_at is None
    with clock.frozen_at(planned[6]):
        assert sending.drain() == 1
    made = scheduling.execution_orders(order_id)
    assert {one.origin for one in made[1:]} == {"schedule"}
    assert scheduling.now(order_id).status == "working"
    trading.check_tree(order_id)


def test_one_schedule_that_breaks_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [staged(client_order_id=f"c{n}") for n in range(3)]
    for order_id in ids:
        started(order_id)
    look = sending._look

    def breaking(turn: object, one: object, book: object) -> None:
        if one.order.id == ids[1]:  # type: ignore[attr-defined]  # a tree
            raise ValueError("broken content")
        look(turn, one, book)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(sending, "_look", breaking)
    run(0)
    assert [scheduling.now(order_id).status for order_id in ids] == ["working", "paused", "working"]
    assert [sent(order_id) for order_id in ids] == [[1000], [], [1000]]


def test_the_pure_and_the_asked_names_are_the_same() -> None:
    assert STYLES == SCHEDULED


def test_many_schedules_cost_as_many_queries_as_few() -> None:
    def queries(n: int, minutes: float) -> int:
        for k in range(n):
            with at(minutes):
                started(staged(client_order_id=f"m{n}-{k}"))
        with CaptureQueriesContext(connection) as seen:
            assert run(minutes) == n
        return len(seen)

    queries(1, 0)  # reference data is in memory from here on
    few, many = queries(2, 0.01), queries(9, 0.02)
    assert many == few
