"""Every process is killed while schedules, lists and icebergs work: none is doubled or lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.crash import books
from tests.crash.test_crash import BETWEEN_KILLS, VICTIMS, kill
from tests.crash.worked import ACCOUNT, KINDS, RESTED, TRADER, Worked, plain
from tests.journeys.stage import venue_executions
from tests.product import Product, running_product, until
from venues.simulator import journal

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]
D = Decimal
FEWEST = 5  # of each kind of order
_OVER = "('filled', 'canceled', 'rejected', 'expired')"
# A schedule whose time was over before the product was back leaves its rest with the trader; one
# that had too little left when it was routed leaves all of it, and says so.
_UNSETTLED = f"""
SELECT 'schedule', id, status FROM orders_schedule WHERE status IN ('working', 'paused')
UNION ALL SELECT 'child', id, status FROM orders_executionorder WHERE status NOT IN {_OVER}
UNION ALL SELECT 'order', id, status FROM orders_order o WHERE status NOT IN {_OVER}
      AND coalesce(client_order_id, '') NOT LIKE 'schedule-%'
UNION ALL SELECT 'to route', id, status FROM orders_order WHERE route_at IS NOT NULL
UNION ALL SELECT 'to allocate', order_id, '' FROM orders_allocationdue
UNION ALL SELECT 'leg', id, status FROM allocations_bookingleg WHERE status <> 'booked'
UNION ALL SELECT 'fill without a leg', id, '' FROM orders_execution x WHERE NOT EXISTS (
      SELECT 1 FROM allocations_allocation a JOIN allocations_bookingleg l
      ON l.allocation_id = a.id WHERE a.order_id = x.order_id)
"""
# One that was begun when all was well again and was worked to its end, in parts.
_WORKED_OUT = """
SELECT s.id FROM orders_schedule s WHERE s.created_at > '{since}' AND s.status = 'finished'
   AND s.reason IN ('complete', 'order_filled') AND (SELECT count(*) FROM orders_scheduleslice i
       WHERE i.schedule_id = s.id AND i.status = 'filled') >= 2
"""
_LISTS = """
SELECT l.contingency, l.id, g.role, o.status, o.order_qty, o.cum_qty, o.id
FROM orders_orderlist l JOIN orders_orderlistleg g ON g.order_list_id = l.id
JOIN orders_order o ON o.id = g.order_id ORDER BY l.id, g.position
"""


@dataclass
class Aftermath:
    """The product after the killing, and what its clients were told."""

    product: Product
    load: Worked
    killed: list[tuple[str, int]]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return books.rows(self.product, sql)


def _allow_everything(product: Product) -> None:
    """The full policy, proposed by one and approved by another."""
    path = "/v1/policy/version/"
    with product.client("alpha_admin") as one, product.client("alpha_compliance") as other:
        asked = {"preset": "full", "rules": {}, "reason": "for the test"}
        made = one.post(path, json=asked)
        assert made.status_code == 201, made.text
        done = other.post(f"{path}{made.json()['version']}/approve/", json={"reason": "seen"})
        assert done.status_code == 200, done.text


def _load(product: Product) -> Worked:
    """The load, by the product's own clock and the venue's own bid."""
    with product.client(TRADER) as http:
        body = plain(bypass_auto_execution=True, client_order_id="marker")
        marker = http.post("/v1/trading/order/", json=body).json()
        http.delete(f"/v1/trading/order/{marker['id']}/")
        ahead = datetime.fromisoformat(marker["created_at"]) - datetime.now(UTC)

        def bid() -> Any:
            found = http.get(f"/v1/trading/market/{RESTED}/").json()["bid"]
            return found and found["price"]

        return Worked(product, float(until(bid, seconds=30, what="a bid")), ahead)


def _kinds(load: Worked) -> dict[str, int]:
    """How many of each kind were acknowledged so far."""
    found = Counter(name.partition("-")[0] for name in list(load.acknowledged))
    return {kind: found[kind] for kind in KINDS}


def _seen(product: Product, sql: str) -> list[tuple[Any, ...]] | None:
    """The rows of a query; None while its database is still starting."""
    with suppress(psycopg.OperationalError):
        return books.rows(product, sql)
    return None


def _what_is_left(product: Product) -> str:
    """What is not over yet, row by row, and what the orders went through."""
    left = books.rows(product, _UNSETTLED)
    keys = tuple(key for _, key, _ in left)
    return f"everything to be worked and booked; left: {left}; {books.told_of(product, keys)}"


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Kill each process once while they work, let everything settle."""
    with running_product(tmp_path_factory.mktemp("worked")) as product:
        _allow_everything(product)
        load = _load(product)
        clients = threading.Thread(target=load.run)
        clients.start()
        killed = []
        for name in VICTIMS:
            time.sleep(BETWEEN_KILLS)  # the load goes on; there is nothing to wait for
            killed.append((name, kill(product, name, seconds=120)))
        # A slow machine takes in little between two kills.
        until(lambda: min(_kinds(load).values()) >= FEWEST, seconds=120, what="enough of each kind")
        worked_out = _WORKED_OUT.format(since=(datetime.now(UTC) + load.ahead).isoformat())
        until(lambda: _seen(product, worked_out), seconds=120, what="a schedule to be worked out")
        load.enough.set()
        clients.join(timeout=120)
        assert not clients.is_alive()

        def settled() -> bool:
            with suppress(OSError, ValueError):
                load.sweep(1_000_000)
            return _seen(product, _UNSETTLED) == []

        until(settled, seconds=240, what=lambda: _what_is_left(product))
        yield Aftermath(product, load, killed)


def test_every_kind_was_sent_and_is_there_exactly_once(after: Aftermath) -> None:
    load = after.load
    assert load.refused == []
    assert load.retried, "the killing was not felt"
    assert min(_kinds(load).values()) >= FEWEST
    stored = after.rows(
        "SELECT client_order_id, id FROM orders_order WHERE client_order_id LIKE '%-%'"
    )
    stored += after.rows("SELECT client_order_list_id, id FROM orders_orderlist")
    assert dict(stored) == load.acknowledged
    assert len(stored) == len(load.acknowledged)
    assert all(after.product.run["pids"][name] != pid for name, pid in after.killed)


def test_no_slice_is_doubled_and_none_sends_more_than_there_is(after: Aftermath) -> None:
    made = after.rows(
        "SELECT x.rule, x.order_id, x.qty, s.sent_qty FROM orders_executionorder x"
        " LEFT JOIN orders_scheduleslice s ON s.execution_order_id = x.id"
        " WHERE x.origin = 'schedule' ORDER BY x.id"
    )
    sent = "SELECT count(*) FROM orders_scheduleslice WHERE execution_order_id IS NOT NULL"
    assert after.rows(sent) == [(len(made),)]
    assert len({rule for rule, *_ in made}) == len(made)
    assert [one for one in made if one[2] != one[3]] == []
    wrong = after.rows(
        "SELECT s.id, s.status, s.qty, o.cum_qty FROM orders_schedule s"
        " JOIN orders_order o ON o.id = s.order_id"
        " JOIN (SELECT order_id, sum(cum_qty) AS cum FROM orders_executionorder"
        " GROUP BY order_id) x ON x.order_id = o.id WHERE x.cum <> o.cum_qty OR o.cum_qty > s.qty"
        " OR o.leaves_qty <> o.order_qty - o.cum_qty"
    )
    assert wrong == []
    # One whose time was over while nothing ran leaves its rest on the order, and says so.
    short = after.rows(
        "SELECT s.id, s.status, s.reason FROM orders_schedule s"
        " JOIN orders_order o ON o.id = s.order_id WHERE s.status <> 'finished'"
        " OR (o.cum_qty < s.qty AND s.reason <> 'its_time_is_over')"
    )
    assert short == []
    unbegun = after.rows(
        "SELECT o.id, o.status, o.cum_qty, e.body::json->'event'->>'code' FROM orders_order o"
        " LEFT JOIN journal_event e ON e.order_id = o.id"
        " AND e.event_type = 'execution_order_reject' WHERE o.client_order_id LIKE 'schedule-%'"
        " AND NOT EXISTS (SELECT 1 FROM orders_schedule s WHERE s.order_id = o.id)"
    )
    assert [one for one in unbegun if one[1:3] != ("pending_execution", D(0))] == []
    assert {one[3] for one in unbegun} <= {"slices_too_close", "schedule_outside_session"}
    assert after.rows("SELECT id FROM orders_scheduleslice WHERE status = 'planned'") == []


def test_the_orders_of_a_list_close_each_other_to_the_last_share(after: Aftermath) -> None:
    lists: dict[tuple[str, str], dict[str, list[tuple[Any, ...]]]] = {}
    for contingency, key, role, *rest in after.rows(_LISTS):
        lists.setdefault((contingency, key), {}).setdefault(role, []).append(tuple(rest))
    assert {contingency for contingency, _ in lists} == {"bracket", "oto", "oco"}
    for (contingency, key), legs in lists.items():
        cum = {role: sum(one[2] for one in rows) for role, rows in legs.items()}
        if contingency == "oco":
            assert cum == {"leg": D(6000)}, key
            assert sorted(one[0] for one in legs["leg"]) == ["canceled", "filled"], key
        elif contingency == "oto":
            assert cum == {"parent": D(6000), "child": D(6000)}, key
        else:
            assert cum == {"parent": D(6000), "take_profit": D(6000), "stop_loss": D(0)}, key
            assert legs["stop_loss"][0][0] == "canceled", key
    # What only waited with us never reached a venue.
    stops = "SELECT count(*) FROM orders_venueorder v JOIN orders_order o ON o.id = v.order_id"
    assert after.rows(f"{stops} WHERE o.ord_type = 'stop'") == [(0,)]


def test_every_iceberg_is_filled_and_showed_its_part(after: Aftermath) -> None:
    wrong = after.rows(
        "SELECT id, status, cum_qty FROM orders_order WHERE display_qty IS NOT NULL"
        " AND (status <> 'filled' OR cum_qty <> order_qty)"
    )
    assert wrong == []
    parts = after.rows(
        "SELECT max(qty) FROM (SELECT order_id, count(*) AS qty FROM orders_execution"
        " WHERE order_id IN (SELECT id FROM orders_order WHERE display_qty IS NOT NULL)"
        " GROUP BY order_id) one"
    )
    assert parts[0][0] > 1


def test_every_child_is_one_the_venue_has_and_was_sent_once(after: Aftermath) -> None:
    ours = after.rows(
        "SELECT v.venue_id, v.id, v.cum_qty, v.status, v.text, b.sends FROM orders_venueorder v"
        " JOIN venues_outbound b ON b.cl_ord_id = v.id AND b.kind = 'D' ORDER BY v.id"
    )
    assert len(ours) == after.rows("SELECT count(*) FROM orders_venueorder")[0][0]
    # What was stopped while its venue was away ended here, and nobody was ever told of it.
    kept = [one for one in ours if one[5] == 0]
    assert [one for one in kept if one[2] or one[3] not in ("canceled", "rejected")] == []
    for session in ("SIMA", "SIMB"):
        theirs = journal.orders(after.product.outside, session)
        mine = {key: qty for venue, key, qty, *_ in ours if venue == session}
        told = set(mine) - {key for _, key, *_ in kept}
        assert {key: order.cum_qty for key, order in theirs.items()} == {
            key: mine[key] for key in told
        }, [one for one in ours if one[1] in set(mine) ^ set(theirs)]
        lines = journal.path_of(after.product.outside, session).read_bytes().splitlines()
        sent = Counter(json.loads(line)["cl_ord_id"] for line in lines if b'{"msg":"D"' in line)
        assert set(sent.values()) <= {1}
        assert set(sent) == told


def test_every_share_agrees_with_the_venues_own_journal(after: Aftermath) -> None:
    ours = after.rows("SELECT exec_id, source, qty, price FROM orders_execution")
    theirs = {
        exec_id: (session, report.last_qty, report.last_px)
        for exec_id, (session, report) in venue_executions(after.product).items()
    }
    assert {exec_id: tuple(rest) for exec_id, *rest in ours} == theirs
    assert len(ours) == len(theirs)
    (held,) = after.rows(
        "SELECT sum(CASE o.side WHEN 'buy' THEN x.qty ELSE -x.qty END) FROM orders_execution x"
        f" JOIN orders_order o ON o.id = x.order_id WHERE o.account_id = '{ACCOUNT}'"
    )
    (position,) = after.rows(
        f"SELECT sum(qty) FROM allocations_position WHERE account_id = '{ACCOUNT}'"
    )
    assert held == position


def test_nothing_is_left_to_explain(after: Aftermath) -> None:
    assert after.rows("SELECT kind, key, evidence FROM orders_break") == []
    doubtful = "SELECT id FROM orders_venueorder WHERE in_doubt OR pending <> ''"
    assert after.rows(doubtful) == []
    assert (
        after.rows("SELECT seq, verdict, note FROM venues_inbound WHERE applied_at IS NULL") == []
    )
    proof = after.product.manage("check_books", check=False)
    assert proof.returncode == 0, proof.stdout + proof.stderr
