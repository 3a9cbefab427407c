"""Statements straight through libpq: what psycopg's own COPY stores, or the same error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from threading import Barrier
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import pq

from oms_site.firm import libpq

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
    st.lists(
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
)
def test_every_value_is_stored_as_psycopg_stores_it(rows: list[tuple[Any, ...]]) -> None:
    assert libpq.copy_in(COPY.format("ours"), rows) == len(rows)
    with connection.cursor() as cursor, cursor.copy(COPY.format("theirs")) as copy:
        for one in rows:
            copy.write_row(one)
    assert stored("ours") == stored("theirs")


@pytest.mark.usefixtures("_tables")
def test_more_than_a_socket_takes_at_once_arrives() -> None:
    rows = [row("x" * 4_000, n) for n in range(14, 5_014)]
    assert libpq.copy_in(COPY.format("ours"), rows) == 5_000
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
        libpq.copy_in(COPY.format("ours"), [row(), wrong])
    assert refused.value.__cause__ is not None
    assert libpq.copy_in(COPY.format("ours"), [row("after")]) == 1
    assert [one[0] for one in stored("ours")] == ["after"]


@pytest.mark.usefixtures("_tables")
def test_what_psycopg_cannot_write_either_sends_nothing() -> None:
    with pytest.raises(UnicodeEncodeError):
        libpq.copy_in(COPY.format("ours"), [row("\ud800")])
    assert stored("ours") == []


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
            libpq.copy_in("COPY first_of_all FROM STDIN", [[datetime.now(UTC) - timedelta(1)]])
            status = connection.connection.pgconn.transaction_status
            assert status == pq.TransactionStatus.INTRANS
            transaction.set_rollback(True)
        assert count() == 0
        libpq.copy_in("COPY first_of_all FROM STDIN", [[datetime.now(UTC)]])
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
                libpq.copy_in("COPY one_at_a_time FROM STDIN", [[1]])
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
