"""An execution order that several venue orders work ends with the last of them, however it ended.

Two slices, every pair of endings, every order of their reports, in one batch and one by one: the
end is always the same, and nothing waits for a venue that has nothing more to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from controls import halts
from controls.models import Halt
from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import desk, halting, remainders, rerouting, sor, tree
from orders.models import ExecutionOrder, VenueOrder
from orders.states import ORDER_EXECUTABLE
from orders.tree import Tree
from tests import policies, trading
from venues.messages import ExecType, OrdStatus
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal
WHOLE, PART = 9_000, 1_000
Said = list[Any]


@pytest.fixture(autouse=True)
def split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is executed here is worked by two venue orders, of 5,000 and of 4,000."""
    decide = sor.decide

    def decide_halves(*args: Any, **named: Any) -> Any:
        decision, kept = decide(*args, **named)
        (one,) = decision.slices
        halves = (replace(one, qty=D(5_000)), replace(one, qty=D(4_000)))
        return replace(decision, slices=halves), kept

    monkeypatch.setattr(sor, "decide", decide_halves)


def worked(**changes: Any) -> tuple[str, list[VenueOrder]]:
    """An order that two venue orders work, in doubt of nothing."""
    order_id = trading.submit(qty=D(WHOLE), bypass_auto_execution=True, **changes)
    made = desk.execute(
        order_id, trading.instruction(WHOLE), by=trading.person(), at=clock.now(), correlation_id=""
    )
    assert made.error is None, made.error
    children = list(VenueOrder.objects.filter(order_id=order_id).order_by("-qty"))
    assert [child.qty for child in children] == [5_000, 4_000]
    return order_id, children


def filled(child: VenueOrder) -> Said:
    return [trading.fill(child, child.qty, cum=child.qty)]


def ended(exec_type: ExecType, status: OrdStatus, *, cum: int = 0) -> Callable[[VenueOrder], Said]:
    def say(child: VenueOrder) -> Said:
        terms = {"ord_status": status, "cum_qty": D(cum), "leaves_qty": D(0), "text": "so it is"}
        return [trading.report(child, exec_type, **terms)]

    return say


canceled = ended(ExecType.CANCELED, OrdStatus.CANCELED)
rejected = ended(ExecType.REJECTED, OrdStatus.REJECTED)
expired = ended(ExecType.EXPIRED, OrdStatus.EXPIRED)
done_for_day = ended(ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY)


def partly(child: VenueOrder) -> Said:
    rest = ended(ExecType.CANCELED, OrdStatus.CANCELED, cum=PART)
    return [trading.fill(child, PART, cum=PART), *rest(child)]


def told_with_its_fill(child: VenueOrder) -> Said:
    """The cancel of the rest is told together with the shares that were done before."""
    terms = {"last_qty": D(PART), "last_px": D("99.4"), "cum_qty": D(PART), "leaves_qty": D(0)}
    status = OrdStatus.CANCELED
    return [trading.report(child, ExecType.CANCELED, ord_status=status, **terms)]


def busted(child: VenueOrder) -> Said:
    """Filled, over for the venue, and then taken back."""
    trade = trading.fill(child, child.qty, cum=child.qty)
    over = ended(ExecType.CANCELED, OrdStatus.CANCELED, cum=int(child.qty))
    bust = trading.report(
        child, ExecType.TRADE_CANCEL, exec_ref_id=trade.exec_id, ord_status=OrdStatus.CANCELED
    )
    return [trade, *over(child), bust]


ENDINGS: dict[str, Callable[[VenueOrder], Said]] = {
    "filled": filled,
    "canceled": canceled,
    "partly": partly,
    "with its fill": told_with_its_fill,
    "rejected": rejected,
    "expired": expired,
    "done for day": done_for_day,
}
LASTING = {"rejected": "rejected", "expired": "expired", "done for day": "expired"}


def interleaved(one: Said, other: Said) -> Iterator[Said]:
    """Both stories in every order that keeps each of them in its own."""
    size = len(one) + len(other)
    for places in combinations(range(size), len(one)):
        first, second = iter(one), iter(other)
        yield [next(first) if n in places else next(second) for n in range(size)]


def ends(order_id: str, one: Said, other: Said) -> set[Any]:
    """Every end that these stories come to."""
    found = set()
    for said in interleaved(one, other):
        for batches in ([said], [[report] for report in said]):
            with trading.for_this_example():
                for batch in batches:
                    trading.receive(*batch)
                found.add(end(order_id))
    return found


def end(order_id: str) -> Any:
    trading.check_tree(order_id)
    assert remainders.sweep() == 0, "nothing may be left for it"
    order, row = trading.order(order_id), ExecutionOrder.objects.get(order_id=order_id)
    return order.status, order.pending, order.cum_qty, row.status, row.pending, row.leaves_qty


def how_it_ends(names: Sequence[str]) -> str:
    """The end of an execution order: canceled before expired before rejected before filled."""
    short = {LASTING.get(name, "canceled") for name in names if name != "filled"}
    return next((word for word in ("canceled", "expired", "rejected") if word in short), "filled")


@pytest.mark.parametrize("first", ENDINGS)
@pytest.mark.parametrize("second", ENDINGS)
def test_it_ends_with_its_last_slice_whatever_the_order_of_reports(first: str, second: str) -> None:
    order_id, (a, b) = worked()
    one, other = ENDINGS[first](a), ENDINGS[second](b)
    ((order, pending, cum, row, row_pending, leaves),) = ends(order_id, one, other)
    assert (pending, row_pending, leaves) == ("", "", 0)
    assert row == how_it_ends([first, second])
    if row in ("canceled", "filled"):
        assert order == row
    else:
        # As with one venue order: what was refused or not done is the order's, to be taken again.
        assert order == ("partially_filled" if cum else "pending_execution")


@pytest.mark.parametrize("first", [*ENDINGS, "busted"])
def test_it_ends_also_where_a_slice_is_taken_back_whole(first: str) -> None:
    order_id, (a, b) = worked()
    found = ends(order_id, {**ENDINGS, "busted": busted}[first](a), busted(b))
    for order, pending, _, row, row_pending, leaves in found:
        assert (pending, row_pending, leaves) == ("", "", 0)
        # One that had ended before the bust stays as it had.
        assert row in {LASTING.get(first, "canceled"), "canceled"}
        assert order == "canceled" if row == "canceled" else order.startswith("p")


@pytest.mark.parametrize("first", ["filled", "partly", "canceled", "rejected"])
@pytest.mark.parametrize("second", ["partly", "with its fill"])
def test_an_immediate_order_ends_canceled_whoever_answers_last(first: str, second: str) -> None:
    policies.agreed(preset="full", at=clock.now() - timedelta(days=1))
    order_id, (a, b) = worked(time_in_force="ioc")
    ((order, pending, *_),) = ends(order_id, ENDINGS[first](a), ENDINGS[second](b))
    assert (order, pending) == ("canceled", "")


def answered(child: VenueOrder) -> Said:
    asked = VenueOrder.objects.get(pk=child.pk)
    terms = {"ord_status": OrdStatus.CANCELED, "cum_qty": D(0), "leaves_qty": D(0)}
    ids = {"cl_ord_id": asked.cancel_cl_ord_id, "orig_cl_ord_id": child.id}
    return [trading.report(child, ExecType.CANCELED, **ids, **terms)]


def too_late(child: VenueOrder) -> Said:
    return [*filled(child), trading.cancel_refused(child, reason=0, text="too late")]


def refused_first(child: VenueOrder) -> Said:
    return [trading.cancel_refused(child, text="no"), *filled(child)]


ANSWERS = {
    **{name: ENDINGS[name] for name in ("filled", "partly", "rejected", "expired")},
    "answered": answered,
    "too late": too_late,
    "refused first": refused_first,
}
WHOLLY = ("filled", "too late", "refused first")


@pytest.mark.parametrize("first", ANSWERS)
@pytest.mark.parametrize("second", ANSWERS)
def test_a_cancel_is_over_with_the_last_answer_whatever_it_is(first: str, second: str) -> None:
    order_id, (a, b) = worked()
    trading.receive(*(trading.report(child, ExecType.NEW) for child in (a, b)))
    (asked,) = desk.cancel([order_id], by=trading.person(), at=clock.now())
    assert asked.outcome == "pending"
    found = ends(order_id, ANSWERS[first](a), ANSWERS[second](b))
    whole = first in WHOLLY and second in WHOLLY
    lives = "refused first" in (first, second) and {first, second} & {"rejected", "expired"}
    for order, pending, cum, row, row_pending, leaves in found:
        assert (pending, row_pending, leaves) == ("", "", 0)
        assert (row == "filled") == whole
        if lives and order == "partially_filled":
            # The request was refused, and what is left is the order's again.
            assert cum < WHOLE
        else:
            assert order == ("filled" if whole else "canceled")


def test_a_venue_that_refuses_leaves_no_request_behind_when_the_other_one_has_ended() -> None:
    order_id, (a, b) = worked()
    trading.receive(*(trading.report(child, ExecType.NEW) for child in (a, b)))
    desk.cancel([order_id], by=trading.person(), at=clock.now())
    trading.receive(trading.cancel_refused(b), *answered(a))
    order, row = trading.order(order_id), ExecutionOrder.objects.get(order_id=order_id)
    assert (order.status, order.pending, row.pending) == ("pending_execution", "", "")
    told = Event.objects.filter(order_id=order_id, event_type="cancel_reject")
    assert told.count() == 1
    (again,) = desk.cancel([order_id], by=trading.person(), at=clock.now())
    assert again.outcome == "pending"


def test_a_kill_switch_over_it_goes_flat() -> None:
    order_id, (a, b) = worked()
    trading.receive(*(trading.report(child, ExecType.NEW) for child in (a, b)))
    by = trading.person("alpha_compliance")
    target = halting.target_of("organization", "", by=by)
    halt = halts.engage(target, reason="a test", cancels=True, by=by, at=clock.now())
    halting.drain()
    trading.receive(*answered(a))
    assert halting.alive(target, by.organization_id) == 1
    trading.receive(*too_late(b))
    assert trading.order(order_id).status == "canceled"
    assert halting.alive(target, by.organization_id) == 0
    halting.drain()
    assert Halt.objects.get(pk=halt.id).status == "confirmed_flat"


def test_what_a_bust_has_a_venue_work_again_under_a_closed_one_is_asked_to_stop() -> None:
    order_id, (a, b) = worked()
    trade = trading.fill(b, b.qty, cum=b.qty)
    trading.receive(trade, *canceled(a))
    assert trading.order(order_id).status == "canceled"
    trading.receive(trading.report(b, ExecType.TRADE_CANCEL, exec_ref_id=trade.exec_id))
    child = VenueOrder.objects.get(pk=b.pk)
    assert (child.status, child.pending, child.leaves_qty) == ("new", "cancel", D(4_000))
    assert Outbound.objects.filter(kind="F", cl_ord_id=child.cancel_cl_ord_id).count() == 1
    trading.receive(*answered(b))
    assert VenueOrder.objects.get(pk=b.pk).status == "canceled"
    trading.check_tree(order_id)


def test_what_is_to_be_moved_elsewhere_is_not_ended_by_the_other_slice() -> None:
    order_id, (a, b) = worked()
    trading.receive(*(trading.report(child, ExecType.NEW) for child in (a, b)))
    _asked_to_move(a)
    trading.receive(*answered(a))
    trading.receive(*filled(b))
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert (row.status, row.leaves_qty) == ("partially_filled", D(5_000))
    assert remainders.sweep() == 0


def test_what_another_venue_refused_is_not_tried_for_ever() -> None:
    order_id, (a, b) = worked()
    trading.receive(*(trading.report(child, ExecType.NEW) for child in (a, b)))
    _asked_to_move(a)
    trading.receive(*answered(a))
    with clock.frozen_at(clock.now() + timedelta(seconds=1)):
        _placed(order_id, D(5_000))
        fresh = VenueOrder.objects.filter(order_id=order_id).order_by("created_at").last()
        assert fresh is not None
        trading.receive(*rejected(fresh))
        assert _owed(order_id) == 0
        trading.receive(*filled(b))
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert (row.status, row.reason) == ("rejected", "so it is")
    order = trading.order(order_id)
    assert (order.status, order.leaves_qty) == ("partially_filled", D(5_000))


@contextmanager
def held(order_id: str) -> Iterator[tuple[Unit, Tree, ExecutionOrder]]:
    """The order in a unit of work, with its only execution order."""
    with unit.work(by=actors.system("test"), at=clock.now()) as work:
        (one,) = tree.lock(work, [order_id]).values()
        yield work, one, one.execution_orders[0]


def _asked_to_move(child: VenueOrder) -> None:
    """Smart routing asks a venue to give it back."""
    with held(child.order_id) as (work, one, row):
        mine = next(c for c in one.working(row) if c.id == child.id)
        rerouting._request(work, one, row, mine, "a test", at=clock.now())


def _placed(order_id: str, qty: Decimal) -> None:
    """What was given back goes to a venue again."""
    with held(order_id) as (work, one, row):
        assert rerouting.owes(one, row) == qty
        child = VenueOrder(
            id="vo_placed",
            organization_id=row.organization_id,
            order_id=row.order_id,
            execution_order_id=row.id,
            venue_id=trading.VENUE,
            qty=qty,
            leaves_qty=qty,
            limit_price=row.limit_price,
            created_at=clock.now(),
        )
        work.add(child)
        work.record(row, "execution_order_reroute", body={}, also=(child,), order_id=order_id)


def _owed(order_id: str) -> Decimal:
    with held(order_id) as (_, one, row):
        return rerouting.owes(one, row)


# --- what was left open before -----------------------------------------------------------------


def test_the_sweep_ends_what_was_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    order_id, (a, b) = worked()
    with monkeypatch.context() as patch:
        patch.setattr(remainders, "settle", lambda *args, **named: False)
        trading.receive(*canceled(a), *filled(b))
    row = ExecutionOrder.objects.get(order_id=order_id)
    assert row.status in ORDER_EXECUTABLE
    assert remainders.sweep() == 1
    assert remainders.sweep() == 0
    assert trading.order(order_id).status == "canceled"
    trading.check_tree(order_id)


def test_the_sweep_leaves_what_a_person_works_outside() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    asked = trading.instruction(3_000, protocol="external", strategy="manual", venue_id=None)
    made = desk.execute(order_id, asked, by=trading.person(), at=clock.now())
    assert made.error is None, made.error
    assert remainders.sweep() == 0
    assert not ExecutionOrder.objects.get(order_id=order_id).is_terminal
