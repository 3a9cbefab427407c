"""Every process is killed while orders come in: nothing is lost, doubled or misstated by it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.crash import books
from tests.crash.load import KINDS, Load
from tests.journeys.stage import (
    CUSTODIANS,
    Desk,
    Stream,
    custodian_bookings,
    venue_executions,
)
from tests.product import Product, running_product, until
from venues.simulator import journal

pytestmark = pytest.mark.crash
VICTIMS = (
    "web",
    "web-2",
    "desk",
    "worker",
    "beat",
    "sequencer",
    "gateway",
    "outside",
    "valkey",
    "postgres",
)
ORDERS = 2000
PER_SECOND = 80.0
BETWEEN_KILLS = 1.5


@dataclass
class Aftermath:
    """The product after the killing, and what its clients were told."""

    product: Product
    load: Load
    killed: list[tuple[str, int]]


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Kill each process once under load, let everything settle."""
    with running_product(tmp_path_factory.mktemp("crash")) as product:
        load = Load(product, ORDERS, PER_SECOND)
        clients = threading.Thread(target=load.run)
        clients.start()
        killed = []
        for name in VICTIMS:
            time.sleep(BETWEEN_KILLS)  # the load goes on; there is nothing to wait for
            killed.append((name, kill(product, name)))
        under_load = clients.is_alive()
        clients.join(timeout=120)
        assert under_load, "the load was over before the killing was"
        assert not clients.is_alive()
        until(
            lambda: books.unsettled(product) == 0,
            seconds=90,
            what="everything to be filled and booked",
        )
        yield Aftermath(product, load, killed)


def kill(product: Product, name: str, *, seconds: float = 30) -> int:
    """Kill one of its processes and wait until it is back. Returns the pid it had."""
    pid = product.kill(name)

    def back() -> bool:
        return bool(product.run["pids"].get(name, pid) != pid)

    until(back, seconds=seconds, what=f"{name} to be started again")
    return pid


def test_every_acknowledged_order_is_there_exactly_once(after: Aftermath) -> None:
    load = after.load
    assert load.refused == []
    assert len(load.acknowledged) == ORDERS
    stored = books.rows(after.product, "SELECT client_order_id, id FROM orders_order")
    assert len(stored) == ORDERS
    assert dict(stored) == load.acknowledged
    # The killing was felt: without retries this proves nothing.
    assert load.retried


def test_the_killed_are_back_and_the_product_works(after: Aftermath) -> None:
    now = after.product.run["pids"]
    assert all(now[name] != pid for name, pid in after.killed)
    with Desk(after.product) as desk:
        order = desk.submit()
        desk.until_status(order["id"], "filled")
    until(lambda: books.unsettled(after.product) == 0, seconds=60, what="its booking")


def test_every_share_agrees_with_the_venues_own_journal(after: Aftermath) -> None:
    ours = books.rows(after.product, "SELECT exec_id, source, qty, price FROM orders_execution")
    theirs = {
        exec_id: (session, report.last_qty, report.last_px)
        for exec_id, (session, report) in venue_executions(after.product).items()
    }
    assert len(ours) == len(theirs)
    assert {exec_id: tuple(rest) for exec_id, *rest in ours} == theirs
    wrong = books.rows(
        after.product,
        "SELECT o.id FROM orders_order o LEFT JOIN orders_execution x ON x.order_id = o.id "
        "GROUP BY o.id HAVING o.cum_qty <> coalesce(sum(x.qty), 0) OR o.cum_qty > o.order_qty",
    )
    assert wrong == []


def test_every_venue_order_agrees_and_was_sent_once(after: Aftermath) -> None:
    ours = books.rows(
        after.product, "SELECT venue_id, id, cum_qty, order_id FROM orders_venueorder"
    )
    for session in ("SIMA", "SIMB"):
        theirs = journal.orders(after.product.outside, session)
        mine = {key: qty for venue, key, qty, _ in ours if venue == session}
        assert {key: order.cum_qty for key, order in theirs.items()} == mine
        lines = journal.path_of(after.product.outside, session).read_bytes().splitlines()
        sent = Counter(json.loads(line)["cl_ord_id"] for line in lines if b'{"msg":"D"' in line)
        assert set(sent.values()) <= {1}
        assert set(sent) == set(mine)
    # No order was routed twice; what its client stages was not routed at all. Smart routing may
    # split one over venues or move what rests, and never offers more than there is.
    routed = Counter(
        order_id
        for (order_id,) in books.rows(after.product, "SELECT order_id FROM orders_executionorder")
    )
    assert set(routed.values()) == {1}
    assert {order_id for *_, order_id in ours} == set(routed)
    offered = books.rows(
        after.product,
        "SELECT o.id FROM orders_order o JOIN orders_venueorder v ON v.order_id = o.id"
        " GROUP BY o.id, o.order_qty, o.cum_qty"
        " HAVING sum(v.cum_qty + v.leaves_qty) > o.order_qty OR sum(v.cum_qty) <> o.cum_qty",
    )
    assert offered == []
    staged = books.rows(
        after.product, "SELECT count(*) FROM orders_order WHERE bypass_auto_execution"
    )[0][0]
    assert staged == len([n for n in range(ORDERS) if n % len(KINDS) == len(KINDS) - 1])
    (total,) = books.rows(after.product, "SELECT count(*) FROM orders_order")[0]
    assert len(routed) == total - staged


def test_every_leg_is_booked_exactly_once(after: Aftermath) -> None:
    ours = books.rows(
        after.product,
        "SELECT id, custodian_id, qty, price, principal, accrued_interest, net_money "
        "FROM allocations_bookingleg",
    )
    theirs = {
        key: (
            custodian,
            booking.instruction.qty,
            booking.instruction.price,
            booking.instruction.principal,
            booking.instruction.accrued_interest,
            booking.instruction.net_money,
        )
        for key, (custodian, booking) in custodian_bookings(after.product).items()
    }
    assert {key: tuple(rest) for key, *rest in ours} == theirs
    lines: Counter[str] = Counter()
    for custodian in CUSTODIANS:
        text = (after.product.outside / f"custodian-{custodian}.jsonl").read_text()
        told = (json.loads(line) for line in text.splitlines())
        lines.update(line["key"] for line in told if line["kind"] == "booking")
    assert set(lines.values()) == {1}
    assert set(lines) == set(theirs)
    # Every fill is booked to the last unit and cent.
    wrong = books.rows(
        after.product,
        "SELECT x.order_id FROM (SELECT order_id, sum(qty) q, sum(principal) p, sum(net_money) n "
        "FROM orders_execution GROUP BY order_id) x JOIN (SELECT a.order_id, sum(l.qty) q, "
        "sum(l.principal) p, sum(l.net_money) n FROM allocations_allocation a "
        "JOIN allocations_bookingleg l ON l.allocation_id = a.id GROUP BY a.order_id) b "
        "ON b.order_id = x.order_id WHERE (x.q, x.p, x.n) <> (b.q, b.p, b.n)",
    )
    assert wrong == []


def test_the_stream_replays_everything_without_a_hole(after: Aftermath) -> None:
    (last,) = books.rows(
        after.product, "SELECT max(msg_number) FROM journal_feed WHERE organization_id = 'alpha'"
    )[0]
    with Stream(after.product, after="0") as stream:
        stream.read_until(lambda: stream.number == last, seconds=60, what="the newest frame")
    names = [frame["event_id"] for frame in stream.frames]
    assert len(set(names)) == len(names)
    (clients,) = books.rows(
        after.product,
        "SELECT count(*) FROM journal_event "
        "WHERE organization_id = 'alpha' AND msg_type <> 'internal'",
    )[0]
    assert len(names) == clients
    told = Counter((f["event"]["order_id"], f["event"]["event_type"]) for f in stream.frames)
    for order_id in after.load.acknowledged.values():
        assert told[order_id, "request"] == told[order_id, "approve"] == 1


def test_nothing_is_left_to_explain(after: Aftermath) -> None:
    assert books.rows(after.product, "SELECT kind, key, evidence FROM orders_break") == []
    doubtful = "SELECT id FROM orders_venueorder WHERE in_doubt OR pending <> ''"
    assert books.rows(after.product, doubtful) == []
    unread = "SELECT seq, verdict, note FROM venues_inbound WHERE applied_at IS NULL"
    assert books.rows(after.product, unread) == []


def test_the_books_are_proved(after: Aftermath) -> None:
    proof = after.product.manage("check_books", check=False)
    assert proof.returncode == 0, proof.stdout + proof.stderr
