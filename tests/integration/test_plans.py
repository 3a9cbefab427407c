"""Whatever looks for work again and again seeks by an index: old rows cost it nothing.

Every task of the beat, what the gateway and the sequencer ask, and every page that people leave
open is run over tables full of orders that are over, and over thousands that rest with nothing to
be done about them; before statistics were gathered and after. PostgreSQL counts the rows read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

import allocations.booking
import allocations.clearing.rounds
import allocations.feed.sending
import allocations.settlement.rounds
import orders.stopping.hands
from controls import pages_urls
from oms_site.celery import app
from oms_site.firm.models import User
from oms_site.journal.sequencer import Sequencer
from oms_site.schedule import TIMETABLE
from orders import dashboards_urls, last_look, picture, reports, sor
from orders.reports.lanes import Lanes
from orders.review_desk import queue
from tests import old_rows, trading
from tests.client import Api
from venues import connection as venue_connection
from venues import inbox, lines, transmission
from venues.connection import Connection, Handlers
from venues.gateways.port import Line

MANY, FEW = 5000, 100
# A page of the longest list. An organization has a third of the rows and a venue a fifth: whoever
# reads more has read all of one for nothing.
MOST = 700
VENUE = trading.VENUE
_FLOORS = ("orders.", "allocations.", "controls.", "venues.", "oms_site.")
_READ = """
SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
"""
# Compares whole days with others, every quarter of an hour: what it reads is what it is for. Every
# five minutes all execution orders are looked through for one that nobody works on: an index of
# open ones would cost each of their changes a write.
WHOLE_DAYS = {"orders.tasks.compare", "orders.tasks.reconcile"}
# Every order that rests may be what has to move.
ALL_THAT_RESTS = {
    "orders.tasks.reroute",
    "self._handlers.resting",
    "self._handlers.ask_all",
}
# The newest of each venue are looked through for what they say of its line.
NEWEST_OF_EACH = {"venues_inbound": 500 * 5}
# Which pages hold a day, how few orders are open and groups locked is known once it was counted.
ONCE_ANALYZED = {
    "/kill/",
    "/kill/?part=board",
    "/ops/",
    "/ops/?part=board",
    "orders.tasks.reroute",
}
# The legs of a day are sought by ranges of pages, which only a vacuum sums up: the rows of a
# transaction that still runs are all looked at, if the planner takes that way.
NOT_SUMMARIZED = {"/ops/", "/ops/?part=board"}
# A person asks, and is answered once.
OPENED_ONCE = {
    "/",
    "/login/",
    "/logout/",
    "/desk/find/",
    "/desk/reference.json",
    "/review/overrides.csv",
    "/controls/",
}
Works = Mapping[str, Callable[[], Any]]


class Here:
    """Stands for a pool of threads: work is done here, where the rows of this test are."""

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None: ...

    def map(self, work: Callable[..., Any], *over: Any) -> list[Any]:
        return [work(*each) for each in zip(*over, strict=False)]

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*args))
        return done


@pytest.fixture(params=["never analyzed", "analyzed"])
def analyzed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "analyzed")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """All in this thread, on this connection."""
    rooms = (
        allocations.booking,
        allocations.clearing.rounds,
        allocations.feed.sending,
        allocations.settlement.rounds,
        orders.stopping.hands,
    )
    for room in rooms:
        monkeypatch.setattr(room, "ThreadPoolExecutor", Here)
    monkeypatch.setattr(connection, "close", lambda: None)


def _stage(*, over: int, resting: int, analyzed: bool) -> str:
    """Tables full of what asks for nothing, and one order that somebody looks at."""
    old_rows.forget_the_past()
    old_rows.fill(over, resting=resting)
    order_id = trading.routed().order_id
    for task in sorted(_tasks()):  # what is due is done before anything is counted
        app.tasks[task].run()
    if analyzed:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return order_id


@contextmanager
def _counted(read: dict[str, int]) -> Iterator[None]:
    """How many rows of each table that grows are read inside."""
    before = _rows_read()
    with transaction.atomic():
        yield
    after = _rows_read()
    for model in old_rows.growing():
        table = model._meta.db_table
        read[table] = after.get(table, 0) - before.get(table, 0)


def _rows_read() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        return dict(cursor.fetchall())


def _readers(works: Works) -> dict[str, dict[str, int]]:
    """Who reads too much, and how many rows of which tables."""
    found = {}
    for name, work in works.items():
        read: dict[str, int] = {}
        with _counted(read):
            work()
        if much := {table: n for table, n in read.items() if n > NEWEST_OF_EACH.get(table, MOST)}:
            found[name] = much
    return found


def _tasks() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if name.startswith(_FLOORS)}


def _drains() -> Works:
    return {name: app.tasks[name].run for name in sorted(_tasks() - WHOLE_DAYS)}


def _of_the_gateway() -> Works:
    """What a venue's connection has done in its threads, by the names it is called under there."""
    own = Connection(VENUE, _no_gateway, Handlers(reports.apply, reports.unreadable))
    return {
        "self._finish_stored": own._finish_stored,
        "self._take": lambda: own._take([]),
        "self._feed.lose": lambda: own._feed.lose("it is a test"),
        "self._handlers.resting": lambda: sor.resting(VENUE),
        "self._handlers.ask_all": lambda: reports.ask_all(VENUE),
        "self._handlers.trouble": lambda: reports.trouble(VENUE, "a_test", "it is one"),
        "self._handlers.look": lambda: Lanes(1).look(VENUE),
        "look": lambda: last_look.before_wire(VENUE, []),
        "inbox.next_seq": lambda: inbox.next_seq(VENUE),
        "transmission.pace_of": lambda: transmission.pace_of(VENUE),
        "transmission.take_due": lambda: (
            transmission.take_due(VENUE),
            transmission.take_due(VENUE, cancels_first=True),
        ),
        "transmission.take_doubtful": lambda: transmission.take_doubtful(
            VENUE, older_than=timedelta(seconds=5)
        ),
        "lines.connected": lambda: lines.connected(VENUE, Line()),
        "lines.measured": lambda: lines.measured(VENUE, Line()),
        "_mark_connected": lambda: venue_connection._mark_connected(VENUE),
        "_mark_heard": lambda: venue_connection._mark_heard(VENUE),
    }


def _no_gateway() -> Any:
    raise AssertionError("nobody connects here")


def _of_screens(order_id: str) -> Works:
    """Every page that is open all day, and what its socket asks when it comes back."""
    trader, compliance, operations = map(_browser, ("trader", "compliance", "ops"))
    pages = {
        "/desk/": trader,
        f"/desk/orders/{order_id}/?part=panel": trader,
        "/review/": compliance,
        "/review/?part=board": compliance,
        "/review/reported/": compliance,
        "/review/exceptions/": compliance,
        "/review/watched/": compliance,
        "/ops/": operations,
        "/ops/?part=board": operations,
        "/kill/": operations,
        "/kill/?part=board": operations,
        "/kill/?part=halted": operations,
        "/allocations/": trader,
        "/allocations/?part=board": trader,
        "/holdings/": trader,
        "/holdings/?part=board": trader,
        "/market/": trader,
        "/market/?part=board": trader,
    }
    asked = Api("alpha_trader")
    lists = (
        "/v1/trading/order/",
        "/v1/trading/order/?open=true",
        "/v1/trading/order/?status=pending_approval",
        "/v1/trading/order/?client_order_id=nobody",
        f"/v1/trading/order/{order_id}/",
        f"/v1/trading/order/{order_id}/execution/",
        "/v1/trading/event/",
        f"/v1/trading/event/?order_id={order_id}",
        "/v1/position/",
        "/v1/balance/",
        "/v1/kill-switch/",
    )
    today = picture.today()
    return {
        **{path: partial(_get, who, path) for path, who in pages.items()},
        **{path: partial(_ask, asked, path) for path in lists},
        "picture of the desk": lambda: picture.newest("alpha", day=today),
        "changes of the desk": lambda: picture.rows("alpha", {order_id}),
        "picture of the reviews": lambda: queue.waiting("alpha"),
    }


def _browser(role: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=f"alpha_{role}"))
    return client


def _get(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200, path


def _ask(api: Api, path: str) -> None:
    assert api.get(path)[0] == 200, path


def _without(works: Works, left_out: Collection[str]) -> Works:
    return {name: work for name, work in works.items() if name not in left_out}


# --- the laws --------------------------------------------------------------------------------
def test_no_task_of_the_beat_reads_what_is_over(
    sandbox: datetime, here: None, analyzed: bool
) -> None:
    _stage(over=MANY, resting=FEW, analyzed=analyzed)
    assert _readers(_without(_drains(), set() if analyzed else ONCE_ANALYZED)) == {}


def test_no_task_of_the_beat_reads_what_rests(
    sandbox: datetime, here: None, analyzed: bool
) -> None:
    _stage(over=FEW, resting=MANY, analyzed=analyzed)
    assert _readers(_without(_drains(), ALL_THAT_RESTS)) == {}


def test_the_gateway_reads_nothing_that_is_over(
    sandbox: datetime, here: None, analyzed: bool
) -> None:
    _stage(over=MANY, resting=FEW, analyzed=analyzed)
    assert _readers(_of_the_gateway()) == {}


def test_the_gateway_reads_nothing_that_rests_unless_it_connects(
    sandbox: datetime, here: None, analyzed: bool
) -> None:
    _stage(over=FEW, resting=MANY, analyzed=analyzed)
    assert _readers(_without(_of_the_gateway(), ALL_THAT_RESTS)) == {}


def test_a_screen_that_is_open_reads_nothing_that_is_over(
    sandbox: datetime, here: None, analyzed: bool
) -> None:
    order_id = _stage(over=MANY, resting=FEW, analyzed=analyzed)
    left_out = NOT_SUMMARIZED if analyzed else ONCE_ANALYZED
    assert _readers(_without(_of_screens(order_id), left_out)) == {}


def test_the_sequencer_reads_what_is_new(sandbox: datetime, here: None) -> None:
    _stage(over=MANY, resting=FEW, analyzed=True)
    leader = Sequencer.resume()
    leader.run_once()
    assert _readers({"run_once": leader.run_once}) == {}


# --- nothing is forgotten --------------------------------------------------------------------
def test_every_entry_of_the_beat_is_a_task_that_is_looked_at() -> None:
    assert {str(entry["task"]) for entry in TIMETABLE.values()} <= _tasks()
    assert _tasks() >= WHOLE_DAYS


def test_whatever_the_gateway_asks_of_the_database_is_looked_at(sandbox: datetime) -> None:
    source = Path(venue_connection.__file__).read_text(encoding="utf-8")
    asked = set(re.findall(r"self\._(?:db|run)\(\s*(?:self\._sender,\s*)?([\w.]+)[,)]", source))
    assert asked - {"self._thread"} == set(_of_the_gateway())


def test_every_page_is_looked_at_or_is_not_one_that_stays_open(sandbox: datetime) -> None:
    known = {path.partition("?")[0] for path in _of_screens("mo_0")}
    pages = [*dashboards_urls.urlpatterns, *pages_urls.urlpatterns]
    routes = {f"/{one.pattern}" for one in pages if "<" not in str(one.pattern)}
    assert routes - known == OPENED_ONCE


def test_what_a_row_that_is_over_looks_like_is_told_of_every_table_with_a_state() -> None:
    """A new table with a state or a moment that is due has to say here when a row is over."""
    told = {*old_rows.OVER, *old_rows.EMPTIED, *old_rows.FACTS}
    states = {
        model._meta.label: old_rows.STATES & {field.column for field in model._meta.concrete_fields}
        for model in old_rows.growing()
    }
    assert {label: named for label, named in states.items() if named and label not in told} == {}
