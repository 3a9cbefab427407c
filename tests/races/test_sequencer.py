"""The feed under concurrent writers: gap-free, complete, one leader, whatever commits when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.errors import UniqueViolation

from oms_site.firm.database import conninfo
from oms_site.journal import actors, chain, sequencer, unit
from oms_site.journal.models import Event, Feed, MsgType
from oms_site.journal.sequencer import Sequencer
from oms_site.kit import clock, ids
from orders.models import Break
from tests.product import until
from tests.races.racing import race

pytestmark = [
    pytest.mark.usefixtures("committed_sandbox"),
    pytest.mark.django_db(transaction=True),
]
_BY = actors.system("test")


def _write(organization: str = "alpha", *, wait: Callable[[], object] = lambda: None) -> str:
    """One unit with one event; it stays open after writing until `wait` returns."""
    row = Break(
        id=ids.prefixed("br"),
        organization_id=organization,
        kind="test",
        key=ids.ulid(),
        opened_at=clock.now(),
    )
    with transaction.atomic():
        with unit.work(by=_BY, at=clock.now()) as work:
            work.add(row)
            work.record(row, "break_open", msg_type=MsgType.SYSTEM_UPDATE, body={})
        wait()
    return row.id


class _Held:
    """A transaction that has written its event and does not commit until it is let go."""

    def __init__(self, *, roll_back: bool = False) -> None:
        self._written, self._go = threading.Event(), threading.Event()
        self._roll_back = roll_back
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._written.wait(10)

    def _run(self) -> None:
        try:
            _write(wait=self._wait)
        except ZeroDivisionError:
            pass
        finally:
            connection.close()

    def _wait(self) -> None:
        self._written.set()
        assert self._go.wait(30)
        if self._roll_back:
            raise ZeroDivisionError

    def let_go(self) -> None:
        self._go.set()
        self._thread.join(10)


def _up_to_date() -> Sequencer:
    """A leader with no hole left from what other tests rolled back and truncated."""
    _write()
    leader = Sequencer.resume()
    leader.run_once()
    leader.holes.clear()
    return leader


def _check_feed() -> None:
    """Every event once; positions and numbers without a gap; every link the hash of the last."""
    assert Feed.objects.count() == Event.objects.count()
    for organization in ("alpha", "beta", "house"):
        rows = list(Feed.objects.filter(organization_id=organization).order_by("position"))
        assert [row.position for row in rows] == list(range(1, len(rows) + 1))
        numbers = [row.msg_number for row in rows if row.msg_number is not None]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
        before = chain.GENESIS
        for row in rows:
            before = chain.link(before, _content(row.event_id))
            assert bytes(row.link) == before


def _content(event_id: int) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {chain.CONTENT_SQL} FROM journal_event e WHERE e.id = %s", [event_id]
        )
        return bytes(cursor.fetchone()[0])


def test_an_event_that_commits_late_is_numbered_late_and_not_skipped() -> None:
    leader = Sequencer.resume()
    held = _Held()
    later = [_write() for _ in range(3)]
    leader.run_once()
    assert Feed.objects.count() == 3
    held.let_go()
    leader.run_once()
    assert Feed.objects.count() == 4
    last = Feed.objects.order_by("-position").select_related("event")[0]
    assert last.event.subject not in later
    assert last.event_id < Event.objects.filter(subject__in=later).order_by("id")[0].id
    _check_feed()


def test_a_new_leader_still_waits_for_what_the_old_one_had_not_seen() -> None:
    held = _Held()
    _write()
    Sequencer.resume().run_once()
    leader = Sequencer.resume()
    _write()
    leader.run_once()
    held.let_go()
    leader.run_once()
    _check_feed()


def test_an_event_that_was_rolled_back_leaves_no_gap_and_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leader = _up_to_date()
    held = _Held(roll_back=True)
    _write()
    leader.run_once()
    assert len(leader.holes) == 1
    held.let_go()
    monkeypatch.setattr(sequencer, "_FORGET_SECONDS", -1.0)
    # Other tests' transactions in the same cluster may be older than the hole, for a long time.
    until(
        lambda: leader.run_once() is not None and not leader.holes,
        seconds=300,
        what="it to be forgotten",
    )
    _write()
    leader.run_once()
    _check_feed()


def test_a_hole_is_kept_as_long_as_its_transaction_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "_FORGET_SECONDS", -1.0)
    leader = _up_to_date()
    held = _Held()
    _write()
    for _ in range(3):
        leader.run_once()
    assert len(leader.holes) == 1
    held.let_go()
    leader.run_once()
    _check_feed()


def test_many_writers_and_a_leader_that_runs_meanwhile() -> None:
    leader = Sequencer.resume()
    done = threading.Event()

    def number() -> int:
        while not done.is_set():
            leader.run_once()
        leader.run_once()
        return 0

    def write(organization: str) -> int:
        for n in range(25):
            _write(organization, wait=partial(time.sleep, 0.001 * (n % 3)))
        return 25

    def writers() -> int:
        # One thread of the race waits for the others to end and then lets the leader stop.
        total = sum(race(*(partial(write, o) for o in ("alpha", "alpha", "beta", "alpha"))))
        done.set()
        return total

    assert race(number, writers) == [0, 100]
    leader.run_once()
    _check_feed()


def test_only_one_leads_and_the_next_one_goes_on_without_a_gap() -> None:
    first = sequencer.lead(conninfo())
    leader = Sequencer.resume()
    _write()
    leader.run_once()
    leading: list[object] = []
    second = threading.Thread(target=lambda: leading.append(sequencer.lead(conninfo())))
    second.start()
    second.join(0.5)
    assert leading == []
    first.close()
    second.join(10)
    (bell,) = leading
    _write()
    Sequencer.resume().run_once()
    bell.close()  # type: ignore[attr-defined]  # a psycopg connection
    _check_feed()


def test_a_leader_that_was_deposed_and_does_not_know_it_can_number_nothing() -> None:
    old, new = Sequencer.resume(), Sequencer.resume()
    _write()
    new.run_once()
    with pytest.raises((IntegrityError, UniqueViolation)):
        old.run_once()
    _check_feed()
