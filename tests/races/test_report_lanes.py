"""Many reports applied by several processes at once: each once, whoever dies meanwhile."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import Sum
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from oms_site.firm import sandbox_clock
from oms_site.firm.beside import Beside, ProcessGone
from oms_site.kit import clock
from orders import desk, reports, sor
from orders.models import Break, Execution, Order, VenueOrder
from orders.reports import flow
from orders.reports import lanes as lanes_module
from orders.reports.lanes import LARGE, Lanes
from tests import trading
from tests.product import until
from tests.races.racing import race, until_somebody_waits_for_me
from venues import inbox
from venues.messages import ExecType, OrdStatus
from venues.models import Inbound

D = Decimal
COUNT, FILLS = 12, 8
Told = list[inbox.Stored]


@pytest.fixture
def lanes(committed_sandbox: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lanes]:
    """Three processes on this test's database, which have begun."""
    parts: dict[str, Any] = conninfo_to_dict(os.environ["DATABASE_URL"])
    parts["dbname"] = connection.settings_dict["NAME"]
    monkeypatch.setenv("DATABASE_URL", make_conninfo(**parts))
    sandbox_clock.set_to(committed_sandbox, reason="a test")
    three = Lanes(3)
    try:
        until(lambda: three.are_ready(1000), seconds=120, what="the processes")
        yield three
    finally:
        three.close()
        clock.shift_to(clock.machine_now() - clock.machine_now())


@pytest.fixture
def children(lanes: Lanes) -> list[VenueOrder]:
    """Working orders of several accounts, at one venue."""
    accounts = ["alpha-002", "alpha-fee", "alpha-slow"]
    made = []
    for n in range(COUNT):
        order_id = trading.submit(
            account_id=accounts[n % 3],
            qty=D(10_000),
            limit_price=D("99.5") + D(n) / 1000,
            bypass_auto_execution=True,
        )
        made.append(trading.execute(order_id, 10_000))
    trading.receive(*(trading.report(child, ExecType.NEW) for child in made))
    return made


def told(children: list[VenueOrder], *, in_turn: bool = True) -> Told:
    """Fills of all of them, by turns or those of each in a row; stored and not applied."""
    said = [
        [trading.fill(child, 1000, cum=1000 * n) for n in range(1, FILLS + 1)] for child in children
    ]
    turns = zip(*said, strict=True) if in_turn else said
    trading.store(*itertools.chain.from_iterable(turns))
    return inbox.contiguous(trading.VENUE, limit=10_000)


def through(lanes: Lanes, rows: Told, *, venue_id: str = trading.VENUE) -> None:
    """Handed over, and waited for."""
    lanes.apply(venue_id, rows)
    lanes.settle(venue_id)


def check(children: list[VenueOrder]) -> None:
    """Each order has each of its fills once."""
    assert not inbox.has_unapplied(trading.VENUE)
    assert set(Inbound.objects.values_list("verdict", flat=True)) == {"applied"}
    assert Execution.objects.count() == COUNT * FILLS
    assert Execution.objects.aggregate(all=Sum("qty"))["all"] == COUNT * FILLS * 1000
    for child in children:
        trading.check_tree(child.order_id)
        assert Order.objects.get(pk=child.order_id).cum_qty == FILLS * 1000


def test_several_processes_apply_each_report_once(lanes: Lanes, children: list[VenueOrder]) -> None:
    through(lanes, told(children))
    check(children)
    assert len(lanes.pids()) == 3


def backend() -> int:
    """The server's process behind this one's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def crowd() -> None:
    """Another thread needs a connection while this one has its own, as the clock's does."""

    def other() -> None:
        backend()
        connection.close()

    backend()
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()


def test_each_process_keeps_its_connection_with_all_that_it_has_learned(lanes: Lanes) -> None:
    beside = lanes._beside
    assert beside is not None
    beside.submit(0, crowd).result(30)
    assert len({beside.submit(0, backend).result(30) for _ in range(6)}) == 1


def test_reports_that_follow_while_others_are_on_their_way_keep_their_order(
    lanes: Lanes, children: list[VenueOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = told(children, in_turn=False)
    monkeypatch.setattr(flow, "TOGETHER", 5)
    # One large batch, then crumbs: what is small goes the same way while others are on it.
    lanes.apply(trading.VENUE, rows[:LARGE])
    for n in range(LARGE, len(rows), 3):
        lanes.apply(trading.VENUE, rows[n : n + 3])
    lanes.settle(trading.VENUE)
    check(children)
    assert not Break.objects.exists()


def test_nothing_is_applied_behind_a_part_that_failed(
    lanes: Lanes, children: list[VenueOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = told(children)
    monkeypatch.setattr(flow, "TOGETHER", 5)
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=children[1].order_id)
        lanes.apply(trading.VENUE, rows[:LARGE])
        until_somebody_waits_for_me()
        with connection.cursor() as cursor:
            cursor.execute(_END_WHO_WAITS)
        until(lambda: _raises(lanes), seconds=60, what="the part to fail")
    applied = Execution.objects.filter(order_id__in=[c.order_id for c in children[1::3]])
    assert applied.count() == 0
    finish(lanes)
    check(children)
    assert not Break.objects.exists()


_END_WHO_WAITS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))
"""


def _raises(lanes: Lanes) -> bool:
    try:
        lanes.look(trading.VENUE)
    except DatabaseError:
        return True
    return False


def test_a_stranger_waits_for_what_is_on_its_way(lanes: Lanes, children: list[VenueOrder]) -> None:
    rows = told(children)
    stranger = trading.report(children[0], ExecType.NEW, cl_ord_id="nobody", orig_cl_ord_id="")
    trading.store(stranger)
    lanes.apply(trading.VENUE, rows)
    lanes.apply(trading.VENUE, inbox.contiguous(trading.VENUE, limit=10, after=rows[-1].seq))
    # It is applied right here, and by then all before it has been.
    assert not inbox.has_unapplied(trading.VENUE)
    assert Execution.objects.count() == COUNT * FILLS


def test_a_process_that_dies_leaves_its_part_for_the_next_session(
    lanes: Lanes, children: list[VenueOrder]
) -> None:
    rows = told(children)
    os.kill(lanes.pids()[1], signal.SIGKILL)
    with pytest.raises(OperationalError, match="is gone"):
        through(lanes, rows)
    finish(lanes)
    check(children)


def finish(lanes: Lanes) -> None:
    """What a venue's next session does with what is left."""
    while ready := inbox.contiguous(trading.VENUE, limit=500):
        through(lanes, ready)


def test_processes_that_another_venue_ends_meanwhile_leave_their_parts_for_the_next_session(
    lanes: Lanes, children: list[VenueOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, cut = told(children), lanes_module._Owners.of

    def ended_meanwhile(*args: Any) -> Any:
        parts = cut(*args)
        lanes.close()
        return parts

    with monkeypatch.context() as patch:
        patch.setattr(lanes_module._Owners, "of", ended_meanwhile)
        with pytest.raises(OperationalError, match="is gone"):
            through(lanes, rows)
    finish(lanes)
    check(children)


def test_a_venue_that_loses_a_process_ends_none_that_another_has_begun_since(
    lanes: Lanes, children: list[VenueOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, old = told(children), lanes.pids()

    def begun_anew_meanwhile(*args: Any) -> Any:
        lanes.close()
        until(lambda: lanes.are_ready(1000), seconds=120, what="new processes")
        raise ProcessGone("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Beside, "submit", begun_anew_meanwhile)
        with pytest.raises(OperationalError, match="is gone"):
            through(lanes, rows)
    assert len(lanes.pids()) == 3
    assert not set(lanes.pids()) & set(old)
    finish(lanes)
    check(children)


def test_a_process_that_hangs_is_ended_and_its_part_left_for_the_next_session(
    lanes: Lanes, children: list[VenueOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, hanging = told(children), lanes.pids()[1]
    os.kill(hanging, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(flow, "LANE_SECONDS", 2)
        with pytest.raises(OperationalError, match="is gone"):
            through(lanes, rows)
    assert not _lives(hanging)
    finish(lanes)
    check(children)


def test_processes_that_could_not_begin_are_begun_anew(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes.close()
    with monkeypatch.context() as patch:
        patch.setattr(lanes_module, "_begin", os.getpgid)
        with pytest.raises(OperationalError, match="is gone"):
            until(lambda: lanes.are_ready(1000), seconds=120, what="the processes")
    until(lambda: lanes.are_ready(1000), seconds=120, what="the processes")


@pytest.fixture
def halves(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[VenueOrder]]:
    """Execution orders that two venues work by halves, by venue."""
    decide = sor.decide

    def decide_halves(*args: Any, **named: Any) -> Any:
        decision, kept = decide(*args, **named)
        (one,) = decision.slices
        parts = tuple(replace(one, venue_id=name, qty=one.qty / 2) for name in ("SIMA", "SIMB"))
        return replace(decision, slices=parts), kept

    monkeypatch.setattr(sor, "decide", decide_halves)
    made: dict[str, list[VenueOrder]] = {"SIMA": [], "SIMB": []}
    accounts = ["alpha-002", "alpha-fee", "alpha-slow"]
    for n in range(COUNT):
        order_id = trading.submit(
            account_id=accounts[n % 3],
            qty=D(8_000),
            limit_price=D("99.5") + D(n) / 1000,
            bypass_auto_execution=True,
        )
        asked = trading.instruction(8_000)
        desk.execute(order_id, asked, by=trading.person(), at=clock.now())
        for child in VenueOrder.objects.filter(order_id=order_id).order_by("venue_id"):
            made[child.venue_id].append(child)
    return made


def test_two_venues_that_end_their_halves_at_once_leave_nothing_open(
    lanes: Lanes, halves: dict[str, list[VenueOrder]]
) -> None:
    over = {"ord_status": OrdStatus.CANCELED, "cum_qty": D(3000), "leaves_qty": D(0)}
    for first, (venue_id, children) in enumerate(halves.items()):
        # Whichever venue is heard last, some of its halves end by a fill, and some by a cancel.
        said: list[Any] = []
        for n in range(1, 4):
            said += [trading.fill(child, 1000, cum=1000 * n) for child in children]
        said += [trading.fill(child, 1000, cum=4000) for child in children[first::2]]
        said += [trading.report(c, ExecType.CANCELED, **over) for c in children[1 - first :: 2]]
        trading.store(*said, venue_id=venue_id)
    rows = {name: inbox.contiguous(name, limit=10_000) for name in halves}
    race(*(partial(through, lanes, rows[name], venue_id=name) for name in halves))
    assert set(Inbound.objects.values_list("verdict", flat=True)) == {"applied"}
    for child in halves["SIMA"]:
        trading.check_tree(child.order_id)
        order = Order.objects.get(pk=child.order_id)
        assert (order.status, order.cum_qty, order.pending) == ("canceled", D(7_000), "")


def test_two_who_apply_the_same_reports_apply_them_once(
    lanes: Lanes, children: list[VenueOrder]
) -> None:
    rows = told(children)

    def apply() -> str:
        try:
            reports.apply(trading.VENUE, rows)
        except OperationalError as lost:
            return str(lost)
        return "applied"

    assert sorted(race(apply, apply)) == [
        "a report was applied by somebody else meanwhile",
        "applied",
    ]
    check(children)


def test_the_processes_end_with_the_one_that_asked_for_them(lanes: Lanes) -> None:
    asks = (
        "import time; from oms_site.firm.beside import Beside\n"
        "if __name__ == '__mp_main__': raise SystemExit\n"
        "two = Beside(2, begin=time.tzset)\n"
        "while not two.is_ready(): time.sleep(0.05)\n"
        "print(*two.pids(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", asks], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(pids) == 2
    until(lambda: not any(map(_lives, pids)), seconds=60, what="the processes to end")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_report_about_nothing_known_keeps_the_batch_together(
    lanes: Lanes, children: list[VenueOrder]
) -> None:
    stranger = trading.report(children[0], ExecType.NEW, cl_ord_id="nobody", orig_cl_ord_id="")
    trading.store(stranger)
    through(lanes, told(children))
    assert not inbox.has_unapplied(trading.VENUE)
    assert Execution.objects.count() == COUNT * FILLS
