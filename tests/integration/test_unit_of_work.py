"""The one door: nothing unrecorded, nothing stale, all or nothing, and few statements for many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from oms_site.firm import principals
from oms_site.journal import actors, unit
from oms_site.journal.models import Event
from oms_site.journal.unit import StaleVersion, UnrecordedChange
from oms_site.kit import clock, ids
from orders import desk, lots, reports, routing
from orders.models import AllocationDue, Break, ExecutionOrder, Order, VenueOrder
from orders.requests import AccountAsk, AllocationAsk
from tests import trading
from tests.statements import Crash, crash_at, picture, watched
from venues import inbox, market_data
from venues.messages import ExecType

pytestmark = pytest.mark.usefixtures("sandbox")
_BY = actors.system("test")


def _work() -> Any:
    return unit.work(by=_BY, at=clock.now())


def _break(**values: Any) -> Break:
    at = clock.now()
    made = {"kind": "test", "key": "k", "opened_at": at, "organization_id": "alpha", **values}
    return Break(id=ids.prefixed("br"), **made)


# --- nothing without an event ----------------------------------------------------------------
def test_a_change_without_an_event_is_refused_and_rolled_back() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    before = picture()
    with pytest.raises(UnrecordedChange, match=order_id), _work() as work:
        work.lock(Order, [order_id])[order_id].cancel(at=clock.now())
    assert picture() == before


def test_a_change_after_the_event_is_refused() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    before = picture()

    def act() -> None:
        with _work() as work:
            order = work.lock(Order, [order_id])[order_id]
            work.record(order, "stage", body={})
            order.cancel(at=clock.now())

    with pytest.raises(UnrecordedChange):
        act()
    assert picture() == before


def test_a_new_row_without_an_event_is_refused() -> None:
    before = picture()
    with pytest.raises(UnrecordedChange), _work() as work:
        work.add(_break())
    assert picture() == before


def test_a_new_row_that_changes_after_its_event_is_refused() -> None:
    def act() -> None:
        with _work() as work:
            row = _break()
            work.add(row)
            work.record(row, "break_open", body={})
            row.resolution = "explained"

    with pytest.raises(UnrecordedChange):
        act()
    assert Break.objects.count() == 0


def test_a_queue_row_needs_no_event() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    with _work() as work:
        work.add(AllocationDue(order_id=order_id, due_at=clock.now()))
    assert AllocationDue.objects.count() == 1


def test_a_unit_that_does_nothing_writes_nothing() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    before = picture()
    with _work() as work:
        work.lock(Order, [order_id])
    assert picture() == before


def test_an_event_holds_exactly_the_columns_that_moved() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    with _work() as work:
        order = work.lock(Order, [order_id])[order_id]
        order.request_cancel(at=clock.now())
        work.record(order, "cancel_request", body={}, order_id=order_id)
    event = Event.objects.filter(subject=order_id).latest("seq")
    stamp = clock.now().isoformat().replace("+00:00", "Z")
    assert event.changes == (
        f'[["orders_order","{order_id}",{{"pending":"cancel","cancel_requested_at":"{stamp}",'
        f'"version":{event.seq}}}]]'
    )


def test_rows_that_move_in_different_columns_keep_what_they_did_not_move() -> None:
    moved, kept = sorted(trading.submit(bypass_auto_execution=True) for _ in range(2))
    with _work() as work:
        orders = work.lock(Order, [moved, kept])
        orders[moved].request_cancel(at=clock.now())
        work.record(orders[moved], "cancel_request", body={}, order_id=moved)
        orders[kept].routed(execution_orders=1)
        work.record(orders[kept], "stage", body={}, order_id=kept)
    found = Order.objects.in_bulk([moved, kept])
    assert [found[moved].pending, found[kept].pending] == ["cancel", ""]
    assert found[moved].state() == orders[moved].state()
    assert found[kept].state() == orders[kept].state()


def test_the_same_row_locked_twice_is_the_same_object() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    with _work() as work:
        first = work.lock(Order, [order_id])[order_id]
        assert work.lock(Order, [order_id])[order_id] is first


# --- nothing stale ---------------------------------------------------------------------------
def test_a_row_that_another_unit_changed_meanwhile_is_refused() -> None:
    order_id = trading.submit(bypass_auto_execution=True)
    stale = Order.objects.get(pk=order_id)
    desk.cancel([order_id], by=trading.person(), at=clock.now())
    before = picture()

    def act() -> None:
        with _work() as work:
            order = work.hold(stale)
            order.routed(execution_orders=1)
            # An event number that is free, so that only the row's version stands in the way.
            order.version += 7
            work.record(order, "stage", body={})

    with pytest.raises(StaleVersion):
        act()
    assert picture() == before


# --- all or nothing --------------------------------------------------------------------------
def _submit() -> Callable[[], object]:
    trading.submit()
    return trading.submit


def _route() -> Callable[[], object]:
    for _ in range(3):
        trading.submit()
    return routing.drain


def _fill() -> Callable[[], object]:
    child = trading.routed()
    return _application(
        trading.report(child, ExecType.NEW),
        trading.fill(child, 1000, cum=1000),
        trading.fill(child, 2000, cum=3000),
    )


def _late_fill() -> Callable[[], object]:
    child = trading.routed()
    trading.receive(trading.report(child, ExecType.CANCELED))
    return _application(trading.fill(child, 1000, cum=1000))


def _cancel() -> Callable[[], object]:
    child = trading.routed()
    return lambda: desk.cancel([child.order_id], by=trading.person(), at=clock.now())


def _allocate() -> Callable[[], object]:
    child = trading.routed()
    trading.receive(trading.fill(child, 3000, cum=3000))
    return lots.drain


def _flagged() -> Callable[[], object]:
    trading.submit()
    return lambda: trading.submit(limit_price=Decimal(92))


def _decide() -> Callable[[], object]:
    order_id = trading.submit(limit_price=Decimal(92))
    return lambda: desk.decide(
        order_id,
        approve=True,
        annotation="seen",
        client_decision_id="",
        by=trading.person("alpha_compliance"),
        at=clock.now(),
    )


def _application(*said: Any) -> Callable[[], object]:
    trading.store(*said)
    return lambda: reports.apply(trading.VENUE, inbox.contiguous(trading.VENUE, limit=1000))


@pytest.mark.parametrize(
    "prepare", [_submit, _flagged, _decide, _route, _fill, _late_fill, _cancel, _allocate]
)
def test_a_crash_ahead_of_any_statement_leaves_nothing_behind(
    prepare: Callable[[], Callable[[], object]],
) -> None:
    act = prepare()
    before = picture()
    k = 0
    while True:
        k += 1
        # Prices and keys are kept for a second: they are read anew each time.
        market_data.forget()
        principals.forget()
        try:
            with watched(crash_at(k)) as seen:
                act()
        except Crash:
            assert picture() == before, f"a crash at statement {k} left something: {seen[-1]}"
        else:
            break
    # It ended because there were no more statements, and they were not few.
    assert len(seen) == k - 1 >= 5
    assert picture() != before


# --- few statements for many -----------------------------------------------------------------
def _kinds(act: Callable[[], object]) -> Sequence[str]:
    """Its statements; a few rows are inserted with their values, many by COPY."""
    with watched() as seen:
        act()
    return [one.replace("INSERT INTO", "COPY").partition("(")[0] for one in seen]


def test_submitting_a_hundred_orders_takes_as_many_statements_as_one() -> None:
    trading.submit()
    requests = [trading.request(client_order_id=f"c-{n}") for n in range(101)]
    one = _kinds(lambda: desk.submit(requests[:1]))
    many = _kinds(lambda: desk.submit(requests[1:]))
    assert many == one
    assert Order.objects.count() == 102


def test_submitting_a_hundred_blocks_takes_as_many_statements_as_one() -> None:
    parts = tuple(AccountAsk(account_id=f"alpha-00{n}", qty=trading.D(1000)) for n in (2, 3, 4))
    block = AllocationAsk(strategy="pro_rata_with_averaging", accounts=parts)
    requests = [trading.request(account_id=None, allocation=block) for _ in range(102)]
    desk.submit(requests[:1])
    one = _kinds(lambda: desk.submit(requests[1:2]))
    assert _kinds(lambda: desk.submit(requests[2:])) == one


def test_routing_a_hundred_orders_takes_as_many_statements_as_one() -> None:
    trading.routed()
    trading.submit()
    one = _kinds(routing.drain)
    desk.submit([trading.request() for _ in range(100)])
    many = _kinds(routing.drain)
    assert many == one
    assert ExecutionOrder.objects.count() == 102


def _reported(children: Sequence[VenueOrder]) -> Sequence[str]:
    said = [one for child in children for one in _two_fills(child)]
    market_data.forget()  # prices are kept for a second, which is no matter of how many come
    return _kinds(_application(*said))


def _children(count: int) -> list[VenueOrder]:
    desk.submit([trading.request() for _ in range(count)])
    routing.drain()
    children = list(VenueOrder.objects.all())
    assert len(children) == count
    return children


def _two_fills(child: VenueOrder) -> list[Any]:
    return [
        trading.report(child, ExecType.NEW),
        trading.fill(child, 1000, cum=1000),
        trading.fill(child, 2000, cum=3000),
    ]


def test_filling_a_hundred_orders_takes_as_many_statements_as_one() -> None:
    children = _children(102)
    _reported(children[:1])
    one = _reported(children[1:2])
    assert _reported(children[2:]) == one
    assert Order.objects.filter(status="filled").count() == 102


def test_allocating_a_hundred_orders_takes_as_many_statements_as_one() -> None:
    children = _children(102)
    _reported(children[:1])
    lots.drain()
    _reported(children[1:2])
    one = _kinds(lots.drain)
    _reported(children[2:])
    assert _kinds(lots.drain) == one
    assert AllocationDue.objects.count() == 0
