"""Statements straight through libpq: what psycopg's own COPY stores, or the same error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import pq

from oms_site.firm import libpq, line
from oms_site.kit import clock
from tests.statements import watched

pytestmark = pytest.mark.django_db
COLUMNS = (
    "t text, n bigint, d numeric, f boolean, m timestamptz, y date, a text[], b bytea, j jsonb"
)
COPY = "COPY {} (t, n, d, f, m, y, a, b, j) FROM STDIN"
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12))


class Retreat(Exception):
    """Undo what was done."""


class Color(StrEnum):
    """A text that is a member."""

    RED = "r\te\\d"


ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS | st.just(Color.RED),
        st.none() | st.integers(-(2**63), 2**63 - 1).filter(lambda n: n != 13),
        st.none() | DECIMALS,
        st.none() | st.booleans(),
        st.none() | st.datetimes(datetime(1, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001
        st.none() | st.dates(date(1, 1, 1)),
        st.none() | st.lists(TEXTS, max_size=3),
        st.none() | st.binary(),
        st.none() | st.sampled_from(['{"a": "\\\\\\"\\n\\t"}', "[1.10]", '"\\\\N"']),
    ),
    max_size=5,
)


@pytest.fixture
def _tables() -> Iterator[None]:
    with connection.cursor() as cursor:
        for name in ("ours", "theirs"):
            cursor.execute(f"CREATE TEMP TABLE {name} ({COLUMNS}, CHECK (n <> 13))")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE ours, theirs")


def stored(name: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT *, j::text FROM {name} ORDER BY ctid")
        found = cursor.fetchall()
        cursor.execute(f"TRUNCATE {name}")
    return list(found)


def row(text: str = "", number: int | None = 1) -> tuple[Any, ...]:
    moment = datetime(2026, 11, 23, 15, tzinfo=UTC)
    return (text, number, Decimal("1.50"), True, moment, moment.date(), ["a"], b"\x00\\", "{}")


@pytest.mark.usefixtures("_tables")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    ROWS,
    st.sampled_from([1, 16]),  # many rows are written column by column
)
def test_every_value_is_stored_as_psycopg_stores_it(
    found: list[tuple[Any, ...]], times: int
) -> None:
    rows = found * times
    libpq.copied([(COPY.format("ours"), rows)])
    with connection.cursor() as cursor, cursor.copy(COPY.format("theirs")) as copy:
        for one in rows:
            copy.write_row(one)
    assert stored("ours") == stored("theirs")


@pytest.mark.usefixtures("_tables")
def test_more_than_a_socket_takes_at_once_arrives() -> None:
    rows = [row("x" * 4_000, n) for n in range(14, 5_014)]
    libpq.copied([(COPY.format("ours"), rows)])
    assert [one[1] for one in stored("ours")] == list(range(14, 5_014))


@pytest.mark.usefixtures("_tables")
@pytest.mark.parametrize(
    ("wrong", "error"),
    [(row(number=13), IntegrityError), (row("\x00"), DataError), (row(number=2**63), DataError)],
)
def test_a_row_that_is_refused_is_djangos_error_and_the_connection_goes_on(
    wrong: tuple[Any, ...], error: type[Exception]
) -> None:
    with pytest.raises(error) as refused, transaction.atomic():
        libpq.copied([(COPY.format("ours"), [row(), wrong])])
    assert refused.value.__cause__ is not None
    libpq.copied([(COPY.format("ours"), [row("after")])])
    assert [one[0] for one in stored("ours")] == ["after"]


@pytest.mark.usefixtures("_tables")
def test_what_psycopg_cannot_write_either_sends_nothing() -> None:
    with pytest.raises(UnicodeEncodeError):
        libpq.copied([(COPY.format("ours"), [row("\ud800")])])
    assert stored("ours") == []


@pytest.mark.usefixtures("_tables")
def test_several_tables_and_what_follows_go_together() -> None:
    libpq.copied(
        [(COPY.format("ours"), [row("a")]), (COPY.format("theirs"), [row("b"), row("c", 15)])],
        then=["UPDATE ours SET n = 99", "SELECT 1"],
    )
    assert [(one[0], one[1]) for one in stored("ours")] == [("a", 99)]
    assert [one[0] for one in stored("theirs")] == ["b", "c"]


@pytest.mark.usefixtures("_tables")
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_fault_in_any_of_several_undoes_all_and_the_connection_goes_on(at: int) -> None:
    wrong = [[row("a")], [row("b")]]
    then = "SELECT 1"
    if at < 2:
        wrong[at] = [row(number=13)]
    else:
        then = "SELECT 1 / 0"
    expected = DataError if at == 2 else IntegrityError
    with pytest.raises(expected), transaction.atomic():
        libpq.copied(
            list(zip([COPY.format("ours"), COPY.format("theirs")], wrong, strict=True)), then=[then]
        )
    assert stored("ours") == stored("theirs") == []
    assert libpq.asked("SELECT 5") == [(5,)]


@pytest.mark.usefixtures("_tables")
def test_each_of_several_questions_sees_what_those_before_it_did() -> None:
    libpq.copied([(COPY.format("ours"), [row("a"), row("b")])])
    gone, left, same = libpq.asked_together(
        ("DELETE FROM ours WHERE t = ANY($1::text[]) RETURNING t", [["a"]]),
        ("SELECT t, n FROM ours", ()),
        ("SELECT t FROM ours WHERE n = $1 AND d IS NOT NULL", [1]),
    )
    assert (gone, left, same) == ([("a",)], [("b", 1)], [("b",)])


@pytest.mark.usefixtures("_tables")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ROWS.filter(bool))
def test_what_is_inserted_with_its_values_is_what_copy_stores(told: list[tuple[Any, ...]]) -> None:
    libpq.copied([(COPY.format("theirs"), told)])
    values = ", ".join(
        "({})".format(", ".join(f"${9 * n + m}" for m in range(1, 10))) for n in range(len(told))
    )
    sql = f"INSERT INTO ours (t, n, d, f, m, y, a, b, j) VALUES {values}"
    again = "UPDATE ours SET n = n"
    counts = libpq.written_together([(sql, [one for row in told for one in row]), (again, ())])
    assert counts == [len(told)] * 2
    assert stored("ours") == stored("theirs")


@pytest.mark.usefixtures("_tables")
@pytest.mark.parametrize("at", [0, 1, 2, 3])
@pytest.mark.parametrize("known", [False, True])
def test_a_fault_in_any_of_a_row_of_statements_undoes_all(at: int, known: bool) -> None:
    one, other = (f"INSERT INTO {name} (t, n) VALUES ($1, $2)" for name in ("ours", "theirs"))
    if known:
        libpq.written_together([(one, ["x", 1]), (other, ["y", 1])])
        assert len(stored("ours") + stored("theirs")) == 2
    numbers = [13 if at == n else 1 for n in range(2)]
    then = ["SELECT 1 / 0"] if at == 2 else ["SELECT 1"]
    text = "a\0b" if at == 3 else "a"
    expected = IntegrityError if at < 2 else DataError
    asked: list[libpq.Asked] = [(one, [text, numbers[0]]), (other, ["b", numbers[1]])]
    with pytest.raises(expected), transaction.atomic():
        libpq.written_together(asked, then=then)
    assert stored("ours") == stored("theirs") == []
    assert libpq.asked("SELECT 5") == [(5,)]
    assert libpq.written_together([(one, ["a", 1]), (other, ["b", 2])]) == [1, 1]


def test_nothing_at_all_is_not_sent() -> None:
    with watched() as seen:
        assert libpq.written_together([]) == []
    assert seen == []


@pytest.mark.usefixtures("_tables")
def test_a_connection_that_knows_too_many_statements_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_MOST", 0)
    assert libpq.asked("SELECT 6 + $1::int", [1]) == [(7,)]
    assert libpq.asked_together(("SELECT 7", ()), ("SELECT $1::text", ["a"])) == [[(7,)], [("a",)]]
    assert libpq.written_together([("INSERT INTO ours (n) VALUES ($1)", [3])]) == [1]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_in_a_row_of_statements_says_so_and_is_replaced() -> None:
    end = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(DatabaseError), transaction.atomic():
        libpq.asked_together(("SELECT 1", ()), (end, ()), ("SELECT 2", ()))
    assert libpq.asked_together(("SELECT 1", ()), ("SELECT 2", ())) == [[(1,)], [(2,)]]


@pytest.mark.django_db(transaction=True)
def test_a_message_may_carry_the_commit_and_django_goes_on_from_there() -> None:
    done: list[str] = []

    def commit_twice() -> None:
        with transaction.atomic():
            transaction.on_commit(lambda: done.append("never"))
            libpq.copied([("COPY committed FROM STDIN", [[2], [1]])], then=["COMMIT"])

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE committed (n int, "
            "CONSTRAINT once UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)"
        )
    try:
        with transaction.atomic():
            transaction.on_commit(lambda: done.append("told"))
            libpq.copied([("COPY committed FROM STDIN", [[1]])], then=["COMMIT"])
            status = connection.connection.pgconn.transaction_status
            assert status == pq.TransactionStatus.IDLE
        assert done == ["told"]
        with pytest.raises(IntegrityError):
            commit_twice()
        assert done == ["told"]
        assert libpq.asked("SELECT n FROM committed") == [(1,)]
        assert connection.get_autocommit()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE committed")


@pytest.mark.django_db(transaction=True)
def test_it_begins_the_transaction_that_it_is_the_first_statement_of() -> None:
    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM first_of_all")
            return int(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE first_of_all (m timestamptz)")
    try:
        with transaction.atomic():
            old = datetime.now(UTC) - timedelta(1)
            libpq.copied([("COPY first_of_all FROM STDIN", [[old]])])
            status = connection.connection.pgconn.transaction_status
            assert status == pq.TransactionStatus.INTRANS
            transaction.set_rollback(True)
        assert count() == 0
        libpq.copied([("COPY first_of_all FROM STDIN", [[datetime.now(UTC)]])])
        assert count() == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE first_of_all")


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_another_thread_lets_it_run() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE one_at_a_time (n int PRIMARY KEY)")

    def insert(meet: Barrier, *, first: bool) -> None:
        try:
            with transaction.atomic():
                if not first:
                    meet.wait(10)
                libpq.copied([("COPY one_at_a_time FROM STDIN", [[1]])])
                if first:
                    meet.wait(10)
                    time.sleep(0.2)  # the other is in libpq by now, and must not hold this thread
                    raise Retreat
        except Retreat:
            return
        finally:
            connection.close()

    try:
        meet = Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            tried = [pool.submit(insert, meet, first=first) for first in (True, False)]
            for one in tried:
                one.result()
        with connection.cursor() as cursor:
            cursor.execute("SELECT n FROM one_at_a_time")
            assert cursor.fetchall() == [(1,)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE one_at_a_time")


def test_a_plan_for_few_rows_is_not_kept_when_there_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "keeps", True)
    one = "SELECT n FROM grown WHERE n = $1::int"
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE grown (n int PRIMARY KEY)")
        cursor.execute("INSERT INTO grown VALUES (1)")
        cursor.execute("ANALYZE grown")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        assert libpq.asked(one, [1]) == [(1,)]
        cursor.execute("INSERT INTO grown SELECT generate_series(2, 50000)")

        def plan() -> str:
            name = line.known(connection.connection, one)
            assert name is not None
            cursor.execute(f"EXPLAIN EXECUTE {name.decode()}(1)")
            return str(cursor.fetchone()[0])

        assert libpq.asked(one, [2]) == [(2,)]
        assert plan().startswith("Seq Scan")
        for first in _first_of_a_transaction(monkeypatch):
            cursor.execute(first)
        assert libpq.asked(one, [3]) == [(3,)]
        assert plan().startswith("Index Only Scan")
        cursor.execute("DROP TABLE grown")


def _first_of_a_transaction(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes ahead once the plans are old; the test's own transaction has begun long ago."""
    raw = connection.connection
    monkeypatch.setitem(line._planned, raw, (clock.monotonic(), 10.0))
    return line._planned_anew(raw)


def test_plans_are_forgotten_ahead_of_a_transaction_and_ever_more_seldom() -> None:
    raw, now = line.connected(), clock.monotonic()
    assert libpq.asked("SELECT 1") == [(1,)]
    line._planned[raw] = (now, 10.0)
    assert line.begin(raw) == []
    with contextlib.closing(raw.__class__.connect(raw.info.dsn, password=raw.info.password)) as new:
        assert line.begin(new) == ["BEGIN"]
        for lasts in (20, 40, 80, 160, 320, 600, 600):
            line._planned[new] = (clock.monotonic(), line._planned[new][1])
            assert line.begin(new) == ["BEGIN", "DISCARD PLANS"]
            assert line._planned[new][1] == lasts
            assert line.begin(new) == ["BEGIN"]


def test_lists_and_texts_arrive_as_they_are() -> None:
    odd = ["", "NULL", 'a"b', "a\\b", "{a,b}", " ", "\n", "é", None]
    ((told, numbers, bytes_, moment),) = libpq.asked(
        "SELECT $1::text[], $2::bigint[], $3::bytea[], $4::timestamptz",
        [odd, [1, -2, None], [b"\x00\\", b""], datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)],
    )
    assert told == odd
    assert numbers == [1, -2, None]
    assert [bytes(one) for one in bytes_] == [b"\x00\\", b""]
    assert moment == datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)
    with pytest.raises(DataError, match="NUL"), transaction.atomic():
        libpq.asked("SELECT $1::text[]", [["a\0b"]])
