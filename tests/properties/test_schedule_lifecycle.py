"""Schedules under any story: time passes, venues do what they like, people interfere.

Every story goes through the real door on PostgreSQL. Whatever happens, nothing is sent twice or
beyond its limits, and every row is the fold of its events.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk
from orders.models import Schedule
from orders.requests import SCHEDULED
from orders.schedule_states import SCHEDULE_OPEN
from orders.schedules import commands, sending
from tests import effort, scheduling, trading
from tests.properties.test_journal_fold import fold, stored
from venues.messages import ExecType, OrdStatus

D = Decimal
step = st.one_of(
    st.tuples(st.just("sleep"), st.integers(5, 200)),
    st.tuples(st.just("sleep"), st.integers(5, 60)),
    st.tuples(st.just("fill"), st.integers(1, 3)),
    st.tuples(st.just("fill"), st.integers(1, 3)),
    st.tuples(st.just("give back"), st.just(0)),
    st.tuples(st.just("refuse"), st.just(0)),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("take"), st.integers(1, 3)),
    st.tuples(st.just("cancel"), st.just(0)),
    st.tuples(st.just("end"), st.booleans()),
)


@pytest.mark.usefixtures("sandbox")
@pytest.mark.django_db
@settings(
    max_examples=effort.examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    story=st.lists(step, min_size=3, max_size=12),
    style=st.sampled_from(SCHEDULED),
    remainder=st.sampled_from(["carry", "keep"]),
    qty=st.integers(4, 10),
)
def test_a_schedule_sends_nothing_twice_and_never_beyond_its_limits(
    story: list[tuple[str, int]], style: str, remainder: str, qty: int
) -> None:
    with trading.for_this_example():
        order_id = scheduling.staged()
        row = scheduling.started(
            order_id, style, qty=D(qty * 1000), slices=8, max_slice=D(3000), remainder=remainder
        )
        at = clock.now()
        for what, how in story:
            at += timedelta(seconds=how if what == "sleep" else 1)
            with clock.frozen_at(at):
                _do(order_id, what, how)
                sending.drain()
                _check(row, order_id)
        with clock.frozen_at(at + timedelta(hours=1)):
            sending.drain()
            assert scheduling.now(order_id).status not in SCHEDULE_OPEN
            sent = scheduling.sent(order_id)
            assert sending.drain() == 0
            assert scheduling.sent(order_id) == sent
        assert "planned" not in scheduling.statuses(order_id)
        rows, versions = fold(list(Event.objects.filter(order_id=order_id).order_by("pk")))
        tables = ("orders_schedule", "orders_scheduleslice")
        kept = {key: row for key, row in stored().items() if key[0] in tables}
        folded = {key: {n: v for n, v in rows[key].items() if v is not None} for key in kept}
        assert folded == kept
        assert all(seen == list(range(1, len(seen) + 1)) for seen in versions.values())


def _do(order_id: str, what: str, how: int) -> None:
    by, at = scheduling.trader(), clock.now()
    resting = scheduling.working(order_id)
    if what == "take":
        desk.execute(order_id, trading.instruction(how * 1000), by=by, at=at)
    elif what == "cancel":
        desk.cancel([order_id], by=by, at=at)
    elif what in ("pause", "resume", "end"):
        try:
            if what == "resume":
                commands.resume(order_id, by=by, at=at)
            else:
                act = commands.pause if what == "pause" else commands.cancel
                act(order_id, by=by, at=at, cancel_resting=bool(how))
        except OmsError as refusal:
            assert refusal.code == "no_open_schedule"  # noqa: PT017  anything else is a fault
    elif resting:
        child = resting[0]
        if what == "fill":
            part = min(D(how * 1000), child.leaves_qty)
            trading.receive(trading.fill(child, part, cum=child.cum_qty + part))
        elif what == "give back" and child.pending == "cancel":
            trading.receive(
                trading.report(
                    child,
                    ExecType.CANCELED,
                    ord_status=OrdStatus.CANCELED,
                    cl_ord_id=child.cancel_cl_ord_id,
                    orig_cl_ord_id=child.id,
                    cum_qty=child.cum_qty,
                    leaves_qty=D(0),
                )
            )
        elif what == "refuse" and child.status == "pending_new":
            trading.receive(
                trading.report(
                    child, ExecType.REJECTED, ord_status=OrdStatus.REJECTED, leaves_qty=D(0)
                )
            )


def _check(row: Schedule, order_id: str) -> None:
    trading.check_tree(order_id)
    slices = scheduling.slices(order_id)
    assert sum(one.qty for one in slices) == row.qty
    named = [one.execution_order_id for one in slices if one.execution_order_id]
    assert len(named) == len(set(named))
    assert all(one.sent_qty <= row.max_slice for one in slices if one.sent_qty)
    assert all(one.due_at <= clock.now() for one in slices if one.execution_order_id)
    made = {one.id: one for one in scheduling.execution_orders(order_id)}
    taken = sum(
        made[name].cum_qty + (D(0) if made[name].is_terminal else made[name].leaves_qty)
        for name in named
    )
    # Never ahead of the plan, and so never more than all of it.
    assert taken <= sum(one.qty for one in slices if one.due_at <= clock.now())
