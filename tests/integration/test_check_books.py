"""`check_books` finds a real book clean, and every planted corruption by exactly its checks.

The book is built once, in a transaction that is never committed; every corruption is planted in a
savepoint of it, as the tables' owner could, and taken back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from allocations import adapters
from oms_site.firm import generation, principals
from oms_site.journal.sequencer import Sequencer
from oms_site.kit import clock
from orders import desk
from orders.books import replaying, running
from orders.books.verdicts import Result, Run, State
from orders.management.commands.seed_sandbox import seed
from orders.requests import SubmitRequest
from tests.conftest import TEN
from tests.integration.allocations.outside import Outside
from tests.integration.corruptions import (
    CHAIN,
    CUSTODIANS,
    PLANTED,
    ROWS,
    STREET,
    VENUES,
    Corruption,
)
from tests.integration.small_book import VENUE, Book, order_of
from venues import market_data
from venues.simulator import journal

pytestmark = pytest.mark.xdist_group("check_books")


@pytest.fixture(scope="module")
def book(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Book]:
    """The small book, with the outside parties' journals beside it."""
    directory = tmp_path_factory.mktemp("outside")
    before, settings.OUTSIDE_DIR = settings.OUTSIDE_DIR, directory
    outside = Outside(directory)
    try:
        with django_db_blocker.unblock(), clock.frozen_at(TEN), transaction.atomic():
            yield _built(directory)
            transaction.set_rollback(True)
    finally:
        settings.OUTSIDE_DIR = before
        adapters.close()
        outside.stop()
        generation.forget()


def _built(directory: Path) -> Book:
    # Built before the first test begins, and so before anything else forgets the last module.
    generation.forget()
    principals.forget()
    market_data.forget()
    seed(clock.now(), years=(2026, 2027))
    generation.check()

    def caller(name: str) -> principals.Principal:
        principal = principals.of_api_key(f"oems_test_{name}")
        assert principal is not None
        return principal

    one = Book(directory, caller)
    one.fill()
    with connection.cursor() as cursor:
        # Nothing deferred may stand between a corruption and the tables it is planted in.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return one


@pytest.fixture
def planted(book: Book) -> Iterator[Book]:
    """The book, for one test to spoil: tables and journals are put back."""
    kept = {path: path.read_bytes() for path in book.directory.glob("*.jsonl")}
    with clock.frozen_at(TEN):
        generation.check()
        with transaction.atomic():
            yield book
            transaction.set_rollback(True)
    for path, content in kept.items():
        path.write_bytes(content)


def checked(book: Book, **changes: Any) -> list[Result]:
    """The books as they are two minutes later, when nothing is on its way any more."""
    run = Run(
        at=clock.now() + timedelta(minutes=2),
        machine_at=clock.machine_now(),
        **{"outside": book.directory, **changes},
    )
    return list(running.run(run))


def found(results: list[Result]) -> set[str]:
    """The names of the checks that did not come out clean."""
    return {result.name for result in results if result.state is not State.CLEAN}


def test_a_real_book_is_clean_and_every_check_has_looked_at_something(planted: Book) -> None:
    results = checked(planted)
    assert found(results) == set(), [r.first or r.notes for r in results if r.state != "clean"]
    assert [r.name for r in results if not r.looked_at] == []


def test_one_organization_alone_is_clean_and_sees_only_its_own(planted: Book) -> None:
    alpha, beta = (checked(planted, organization=name) for name in ("alpha", "beta"))
    assert found(alpha) == set()
    assert found(beta) == set()
    assert sum(r.looked_at for r in beta) < sum(r.looked_at for r in alpha)


def test_without_the_outside_journals_their_checks_are_not_checked_which_is_not_clean(
    planted: Book,
) -> None:
    results = checked(planted, outside=None)
    left_out = {r.name: r.notes for r in results if r.state is State.NOT_CHECKED}
    assert set(left_out) == {
        "venues_agree_on_executions",
        "venues_agree_on_what_is_left",
        "venues_reports_are_stored",
        "venues_got_each_order_once",
        "custodians_agree_on_bookings",
        "custodians_agree_on_settlements",
        "clearing_parties_agree",
        "custodians_agree_on_notices",
        "custodians_heard_the_same",
    }
    assert all(notes for notes in left_out.values())
    assert found(results) == set(left_out)


# --- corruptions ------------------------------------------------------------------------------
@pytest.mark.parametrize("one", PLANTED, ids=lambda one: one.name.replace(" ", "_"))
def test_a_planted_corruption_is_found_by_exactly_its_checks(
    planted: Book, one: Corruption
) -> None:
    names = planted.names()
    _lift_the_guards(one.unguarded)
    with connection.cursor() as cursor:
        cursor.execute(one.sql, names)
        assert cursor.rowcount > 0
    results = checked(planted)
    assert found(results) == one.found_by
    assert State.BROKEN not in {result.state for result in results}


def _lift_the_guards(names: tuple[str, ...]) -> None:
    """What the tables' owner can do: triggers off, and the named constraints dropped."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint"
            " WHERE conname = ANY(%s) OR contype = 'f' AND conrelid::regclass::text = ANY(%s)",
            [list(names), list(names)],
        )
        for table, name in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for name in names:
            if not name.startswith("journal_"):
                cursor.execute(f"DROP INDEX IF EXISTS {name}")


# --- the outside parties' journals --------------------------------------------------------------
def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def a_custodian(book: Book) -> Path:
    """The journal of a custodian that has booked something."""
    return max(book.directory.glob("custodian-*.jsonl"), key=lambda path: path.stat().st_size)


def test_a_booking_that_the_custodian_does_not_have_is_found(planted: Book) -> None:
    path = a_custodian(planted)
    path.write_bytes(b"".join(lines(path)[1:]))
    assert found(checked(planted)) == {CUSTODIANS}


def test_a_second_booking_under_another_key_is_found(planted: Book) -> None:
    path = a_custodian(planted)
    again = {**json.loads(lines(path)[0]), "key": "bl_another"}
    path.write_bytes(path.read_bytes() + json.dumps(again).encode() + b"\n")
    assert found(checked(planted)) == {CUSTODIANS}


def test_a_second_booking_under_the_same_key_is_found(planted: Book) -> None:
    path = a_custodian(planted)
    path.write_bytes(path.read_bytes() + lines(path)[0])
    assert found(checked(planted)) == {CUSTODIANS}


def test_a_booking_made_after_the_run_began_is_left_for_the_next_one(planted: Book) -> None:
    path = a_custodian(planted)
    later = (clock.machine_now() + timedelta(hours=1)).isoformat()
    again = {**json.loads(lines(path)[0]), "key": "bl_another", "booked_at": later}
    path.write_bytes(path.read_bytes() + json.dumps(again).encode() + b"\n")
    assert found(checked(planted)) == set()


def test_a_settlement_that_the_custodian_does_not_have_is_found(planted: Book) -> None:
    path = max(planted.directory.glob("settlement-*.jsonl"), key=lambda one: one.stat().st_size)
    kept = [line for line in lines(path) if b'"type":"settled"' not in line]
    path.write_bytes(b"".join(kept))
    assert found(checked(planted)) == {"custodians_agree_on_settlements"}


def test_a_settlement_that_was_told_and_not_counted_is_found(planted: Book) -> None:
    path = max(planted.directory.glob("settlement-*.jsonl"), key=lambda one: one.stat().st_size)
    settled = next(line for line in lines(path) if b'"type":"settled"' in line)
    again = json.loads(settled)
    again["body"]["reference"] += "-again"
    path.write_bytes(path.read_bytes() + json.dumps(again).encode() + b"\n")
    assert found(checked(planted)) == {"custodians_agree_on_settlements"}


def test_a_trade_that_the_venue_has_and_we_do_not_is_found_once_it_is_late(planted: Book) -> None:
    path = journal.path_of(planted.directory, VENUE)
    trade = {**json.loads(_trade(path)), "seq": len(planted.venue.reports) + 1, "exec_id": "late"}
    end = lines(path)[-1]
    path.write_bytes(path.read_bytes() + json.dumps(trade).encode() + b"\n" + end)
    assert found(checked(planted)) == {"venues_reports_are_stored"}


def test_a_trade_that_the_venue_remembers_otherwise_is_found(planted: Book) -> None:
    path = journal.path_of(planted.directory, VENUE)
    other = _trade(path).replace(b'"last_px":"99.25"', b'"last_px":"99.24"')
    path.write_bytes(path.read_bytes().replace(_trade(path), other))
    assert found(checked(planted)) == {VENUES, "venues_reports_are_stored"}


def test_a_new_order_that_reached_the_venue_twice_is_found(planted: Book) -> None:
    path = journal.path_of(planted.directory, VENUE)
    first = next(line for line in lines(path) if line.startswith(b'{"msg":"D"'))
    path.write_bytes(path.read_bytes() + first + lines(path)[-1])
    assert found(checked(planted)) == {"venues_got_each_order_once"}


def a_clearing_party(book: Book) -> Path:
    """The journal of the clearing party that has been told most."""
    return max(book.directory.glob("clearing-*.jsonl"), key=lambda path: path.stat().st_size)


def retold(path: Path, trans_type: str, changes: dict[str, str]) -> None:
    """A report of this kind that says otherwise, as they would have it with this changed."""
    texts = [json.loads(line) for line in lines(path)]
    reports = [one["report"] for one in texts if one["report"]["trans_type"] == trans_type]
    next(one for one in reports if one | changes != one).update(changes)
    path.write_text("".join(json.dumps(one) + "\n" for one in texts))


@pytest.mark.parametrize(
    ("trans_type", "changes"),
    [
        ("0", {"side": "2"}),
        ("0", {"cusip": "912810SX7"}),
        ("0", {"member": "0902"}),
        ("0", {"trade_date": "2026-11-20"}),
        # Its trade goes on standing beside it, or after it.
        ("2", {"trans_type": "0", "refers_to": ""}),
        ("1", {"refers_to": "cl_nobody"}),
    ],
)
def test_what_a_clearing_party_has_otherwise_is_found(
    planted: Book, trans_type: str, changes: dict[str, str]
) -> None:
    retold(a_clearing_party(planted), trans_type, changes)
    assert found(checked(planted)) == {STREET}


@pytest.mark.parametrize(("hours", "late"), [(-1, False), (1, True)])
def test_a_trade_that_only_a_clearing_party_has_is_found_unless_it_is_newer_than_the_run(
    planted: Book, hours: int, late: bool
) -> None:
    path = a_clearing_party(planted)
    at = (clock.machine_now() + timedelta(hours=hours)).isoformat()
    again = {**json.loads(lines(path)[0]), "key": "cl_another", "at": at}
    path.write_bytes(path.read_bytes() + json.dumps(again).encode() + b"\n")
    assert found(checked(planted)) == (set() if late else {STREET})
    # Whose it is cannot be said of a part of the books.
    assert found(checked(planted, organization="alpha")) == set()


def test_a_report_that_is_still_asked_for_may_have_been_taken(planted: Book) -> None:
    names = planted.names()
    _lift_the_guards(())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE allocations_clearingreport SET status = 'pending', ref = ''"
            " WHERE execution_id = %(execution)s",
            names,
        )
    assert found(checked(planted)) == {ROWS}


def _trade(path: Path) -> bytes:
    return next(line for line in lines(path) if b'"last_px":"99.25"' in line)


def test_every_check_is_shown_to_find_something() -> None:
    journals = {CUSTODIANS, VENUES, "venues_reports_are_stored", "venues_got_each_order_once"}
    shown = journals.union(*(one.found_by for one in PLANTED))
    assert {check.name for check in running.CHECKS} == shown


# --- the command ------------------------------------------------------------------------------
def test_the_command_ends_well_on_a_clean_book_and_prints_one_line_a_check(planted: Book) -> None:
    out = StringIO()
    call_command("check_books", stdout=out)
    assert out.getvalue().count("clean  ") == len(running.CHECKS)
    assert f"{len(running.CHECKS)} checks clean" in out.getvalue()


def test_the_command_exits_1_and_names_the_first_twenty_offenders(planted: Book) -> None:
    _lift_the_guards(())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE journal_event SET actor = 'nobody'")
        edited = cursor.rowcount
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("check_books", "--json", stdout=out)
    assert stop.value.code == 1
    said = json.loads(out.getvalue())
    (chain,) = [check for check in said["checks"] if check["state"] == "differences"]
    assert (said["clean"], chain["name"]) == (False, CHAIN)
    assert (chain["differences"], len(chain["first"])) == (edited, 20)


@pytest.mark.parametrize(
    "words",
    [("--organization", "nobody"), ("--since", "yesterday"), ("--outside", "/no/such/place")],
)
def test_the_command_exits_2_on_wrong_usage(planted: Book, words: tuple[str, str]) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("check_books", *words)
    assert refusal.value.returncode == 2


# --- the journal played again -------------------------------------------------------------------
def replayed(last: int | None = None, **changes: Any) -> Result:
    """The journal of the book as it is, played again beside its rows."""
    run = Run(at=clock.now(), machine_at=clock.machine_now(), **changes)
    (result,) = running.run(run, checks=(replaying.check(last=last),))
    return result


def test_the_journal_played_again_makes_every_row_of_a_real_book(planted: Book) -> None:
    result = replayed()
    assert result.state is State.CLEAN, result.first or result.notes
    folded = next(r for r in checked(planted) if r.name == ROWS)
    assert result.looked_at == folded.looked_at > 100
    parts = [replayed(organization=name).looked_at for name in ("alpha", "beta", "house")]
    assert 0 < sum(parts) <= result.looked_at


# What the database can store and yet no event says.
FORGED = [one for one in PLANTED if ROWS in one.found_by]


@pytest.mark.parametrize("one", FORGED, ids=lambda one: one.name.replace(" ", "_"))
def test_a_replay_finds_every_row_that_is_not_its_events(planted: Book, one: Corruption) -> None:
    names = planted.names()
    _lift_the_guards(one.unguarded)
    with connection.cursor() as cursor:
        cursor.execute(one.sql, names)
    result = replayed()
    assert result.state is State.DIFFERENCES
    assert result.count >= 1


def test_a_replay_of_the_last_events_looks_at_what_they_moved_from_its_beginning(
    planted: Book,
) -> None:
    whole, names = replayed(), planted.names()
    last = replayed(last=20)
    assert last.state is State.CLEAN, last.first or last.notes
    assert 0 < last.looked_at < whole.looked_at
    _lift_the_guards(())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET cum_qty = 1 WHERE id = %(rejected)s", names)
    assert replayed(last=20).state is State.CLEAN
    assert replayed(last=100_000).count == 1
    (difference,) = replayed().first
    assert difference.key == f"orders_order {names['rejected']}"
    assert difference.what.startswith("cum_qty is 1")


def test_a_replay_says_which_event_cannot_follow_the_one_before(planted: Book) -> None:
    _lift_the_guards(())
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM journal_feed f USING journal_event e WHERE e.id = f.event_id"
            " AND e.subject = %(filled)s AND e.seq = 2",
            planted.names(),
        )
        cursor.execute(
            "DELETE FROM journal_event WHERE subject = %(filled)s AND seq = 2", planted.names()
        )
        assert cursor.rowcount == 1
    result = replayed()
    assert any("moves it to version 3, but it is at 1" in one.what for one in result.first)


def test_the_replay_command_exits_1_with_its_differences_and_0_without(planted: Book) -> None:
    out = StringIO()
    call_command("shadow_replay", "--last", "10000", stdout=out)
    assert "1 checks clean" in out.getvalue()
    _lift_the_guards(())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET avg_px = avg_px + 1 WHERE id = %(filled)s", planted.names()
        )
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("shadow_replay", "--json", stdout=out)
    assert stop.value.code == 1
    (said,) = json.loads(out.getvalue())["checks"]
    assert said["differences"] == 1
    assert "avg_px" in said["first"][0]["what"]


@pytest.mark.parametrize("words", [("--organization", "nobody"), ("--last", "0")])
def test_the_replay_command_exits_2_on_wrong_usage(planted: Book, words: tuple[str, str]) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("shadow_replay", *words)
    assert refusal.value.returncode == 2


@pytest.mark.django_db(transaction=True)
def test_on_its_own_connections_the_command_reads_one_snapshot_and_can_write_nothing(
    committed_sandbox: object, caller: Callable[[str], principals.Principal]
) -> None:
    trader = caller("alpha_trader")
    desk.submit([SubmitRequest(order_of(), trader, clock.now()) for _ in range(3)])
    Sequencer.resume().run_once()
    seen: set[tuple[str, ...]] = set()

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if "orders_order" in sql:
            with context["connection"].connection.cursor() as cursor:
                names = ("transaction_read_only", "transaction_isolation")
                seen.add(tuple(cursor.execute(f"SHOW {name}").fetchone()[0] for name in names))
        return result

    out = StringIO()
    with connection.execute_wrapper(look):
        call_command("check_books", "--json", "--outside", "none", stdout=out)
    said = {check["name"]: check for check in json.loads(out.getvalue())["checks"]}
    assert seen == {("on", "repeatable read")}
    # Three orders and their screenings, seen by other connections than the one that counted them.
    assert said[ROWS]["looked_at"] == 6
    assert said[CHAIN]["looked_at"] == 6
