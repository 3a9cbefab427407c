"""Whatever goes wrong at a venue and on the line to it, in the end our books are its journal.

Each seed is one session of orders with bad luck: reports late, lost, doubled and out of order,
orders refused and canceled by nobody's wish, trades taken back, changed and told too late, the
line cut, the venue dead right after it accepted. `OMS_FAULT_SEEDS=0:500 OMS_FAULT_ORDERS=100`
runs the deep version.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.db.models import Sum

from allocations.models import Allocation, BookingLeg, CashBalance, Position
from oms_site.kit.numbers import round_cents
from orders import charges, fills
from orders.models import Execution, Order, VenueOrder
from orders.reconciling import internal
from orders.states import VENUE_TERMINAL
from tests import misfortune, trading
from tests.misfortune import World
from venues import analytics, instruments
from venues.messages import ExecutionReport, OrdStatus
from venues.simulator import journal
from venues.simulator.misfortunes import EVERY, Misfortune, Plan, schedule

D = Decimal
FIRST, _, LAST = os.environ.get("OMS_FAULT_SEEDS", "0:12").partition(":")
ORDERS = int(os.environ.get("OMS_FAULT_ORDERS", "40"))
RATE = 0.5
_STATUS = {
    OrdStatus.PENDING_NEW: "pending_new",
    OrdStatus.NEW: "new",
    OrdStatus.PARTIALLY_FILLED: "partially_filled",
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.REJECTED: "rejected",
    OrdStatus.EXPIRED: "expired",
}


@pytest.mark.parametrize("seed", range(int(FIRST), int(LAST)))
def test_after_every_misfortune_our_books_are_the_fold_of_the_venues_journal(
    sandbox: datetime, tmp_path: Path, seed: int
) -> None:
    with misfortune.world(tmp_path, Plan(seed=seed, rate=RATE), sandbox) as one:
        one.trade(ORDERS)
        one.settle()
        assert one.happened
        _compare_orders(one)
        _compare_trades(one)
        _compare_holdings(one)
    found = internal.run().found
    assert found == []


@pytest.mark.parametrize("kind", EVERY)
def test_each_misfortune_alone_leaves_the_books_right(
    sandbox: datetime, tmp_path: Path, kind: Misfortune
) -> None:
    with misfortune.world(tmp_path, Plan(seed=7, rate=1.0, kinds=(kind,)), sandbox) as one:
        one.trade(12)
        one.settle()
        assert set(one.happened) == {kind}
        _compare_orders(one)
        _compare_trades(one)
        _compare_holdings(one)


def test_a_lost_report_that_nothing_follows_is_missed_by_the_heartbeat(
    sandbox: datetime, tmp_path: Path
) -> None:
    with misfortune.world(tmp_path, Plan(seed=1), sandbox) as one:
        child = trading.routed(limit_price=D(98))
        one.turn()
        assert VenueOrder.objects.get(pk=child.pk).status == "new"
        one.session.exchange.fill_late(child.pk, one.now, qty=D(1000), px=D(98))
        one.session.misfortunes.lose_next()
        with one.at_work():
            one.session.commit()
        one.turn()
        assert VenueOrder.objects.get(pk=child.pk).cum_qty == 0
        one.wait(1)
        one.turn()
        one.turn()
        assert VenueOrder.objects.get(pk=child.pk).cum_qty == 1000


def test_the_same_seed_makes_the_same_luck() -> None:
    plan = Plan(seed=5, rate=0.4)
    assert schedule(plan, 200) == schedule(plan, 200)
    assert schedule(plan, 200) != schedule(Plan(seed=6, rate=0.4), 200)
    assert {kind for _, kind in schedule(plan, 500)} == set(EVERY)


def _compare_orders(one: World) -> None:
    """Every venue order has the venue's status and quantity; every tree adds up."""
    theirs = journal.orders(one.directory, misfortune.VENUE)
    rows = list(VenueOrder.objects.order_by("id"))
    assert rows
    for row in rows:
        order = theirs.get(row.id)
        if order is None:
            assert (row.status, row.cum_qty) == ("rejected", D(0)), f"{row.id} never got there"
            continue
        assert row.cum_qty == order.cum_qty, row.id
        assert row.status == _STATUS[order.ord_status], row.id
        assert row.leaves_qty == order.leaves_qty, row.id
        assert not row.in_doubt, row.id
        assert not row.pending or row.status not in VENUE_TERMINAL, row.id
    trading.check_trees(list(Order.objects.values_list("id", flat=True)))


def _compare_trades(one: World) -> None:
    """Each trade that stands at the venue stands here once, under its id, at its price."""
    theirs = {
        exec_id: (report.cl_ord_id, report.last_qty, report.last_px)
        for exec_id, report in journal.executions(one.directory, misfortune.VENUE).items()
    }
    ours = {}
    by_order: dict[str, list[Execution]] = defaultdict(list)
    for fill in Execution.objects.order_by("order_id", "sequence"):
        by_order[fill.order_id].append(fill)
    for executed in by_order.values():
        first = {f.exec_id: f.exec_ref_id or f.exec_id for f in executed if f.qty > 0}
        for fill in charges.standing(executed):
            ours[_original(fill.exec_id, first)] = (fill.venue_order_id, fill.qty, fill.price)
    assert ours == theirs
    counted = Counter(Execution.objects.values_list("source", "trade_date", "exec_id"))
    assert set(counted.values()) <= {1}


def _original(exec_id: str, first: dict[str, str]) -> str:
    """The id a trade was first told under: corrections name the one before them."""
    while first.get(exec_id, exec_id) != exec_id:
        before = first[exec_id]
        exec_id = f"{before}+" if f"{before}+" in first else before
    return exec_id


def _compare_holdings(one: World) -> None:
    """Positions, cash, allocations and legs as the venue's trades alone would make them."""
    qty: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    cash: dict[str, Decimal] = defaultdict(Decimal)
    per_order: dict[str, Decimal] = defaultdict(Decimal)
    owners = dict(VenueOrder.objects.values_list("id", "order_id"))
    orders = Order.objects.in_bulk()
    settles = dict(Execution.objects.values_list("order_id", "settlement_date"))
    for report in journal.executions(one.directory, misfortune.VENUE).values():
        order = orders[owners[report.cl_ord_id]]
        assert report.last_qty is not None
        sign = 1 if order.side == "buy" else -1
        assert order.account_id is not None
        qty[order.account_id, order.instrument_id] += sign * report.last_qty
        cash[order.account_id] -= sign * _money(order, report, settles[order.id])
        per_order[order.id] += report.last_qty
    held = {
        (row.account_id, row.instrument_id): row.qty
        for row in Position.objects.exclude(qty=0).order_by("id")
    }
    assert held == {key: value for key, value in qty.items() if value}
    executed = fills.of_orders(orders)
    for order in orders.values():
        cash[order.account_id or ""] -= sum((fill.fees for fill in executed[order.id]), D(0))
        assert order.cum_qty == per_order[order.id]
    purses = {
        row.account_id: row.amount for row in CashBalance.objects.exclude(amount=0).order_by("id")
    }
    assert purses == {key: value for key, value in cash.items() if value}
    _compare_allocations(per_order)


def _money(order: Order, report: ExecutionReport, settles: date) -> Decimal:
    facts = instruments.by_id(order.instrument_id)
    assert report.last_qty is not None
    assert report.last_px is not None
    accrued = analytics.accrued_interest(
        bond=facts.bond, par=report.last_qty, settlement_date=settles
    )
    return round_cents(facts.money(report.last_qty, report.last_px)) + accrued


def _compare_allocations(per_order: dict[str, Decimal]) -> None:
    for row in Allocation.objects.order_by("id"):
        if row.status in {"failed", "canceled"}:
            continue
        assert row.actual_qty == per_order[row.order_id], row.id
        live = BookingLeg.objects.filter(allocation=row).exclude(status="canceled")
        booked = live.filter(reverses=None).aggregate(all=Sum("qty"))["all"] or D(0)
        back = live.exclude(reverses=None).aggregate(all=Sum("qty"))["all"] or D(0)
        assert booked - back in {row.actual_qty, D(0)}, row.id
