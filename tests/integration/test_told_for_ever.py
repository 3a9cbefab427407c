"""What outside parties told stays in the database as it came, whoever they are."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import IntegrityError, connection, transaction

from allocations.models import Custodian, CustodianMessage, MatchingMessage, MatchingService
from allocations.settlement import central, mailbox
from oms_site.journal import actors, unit
from oms_site.kit import clock
from tests import trading
from venues import inbox
from venues.models import Inbound

TABLES = {
    "venues_inbound": "venue_id",
    "allocations_matchingmessage": "service_id",
    "allocations_custodianmessage": "custodian_id",
}
FORBIDDEN = (
    "UPDATE {table} SET body = ''",
    "UPDATE {table} SET seq = seq + 1",
    "UPDATE {table} SET received_at = received_at - interval '1 day'",
    "UPDATE {table} SET {owner} = 'somebody'",
    "UPDATE {table} SET id = id + 1",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
)


@pytest.fixture
def told(sandbox: datetime) -> None:
    """One message of every kind of party, applied: nothing about it waits any more."""
    Inbound.objects.create(venue_id=trading.VENUE, seq=1, body="8=FIX", received_at=sandbox)
    service = MatchingService.objects.order_by("id")[0]
    MatchingMessage.objects.create(service=service, seq=1, body="{}", received_at=sandbox)
    house = Custodian.objects.order_by("id")[0]
    CustodianMessage.objects.create(custodian=house, seq=1, body="{}", received_at=sandbox)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _rows(table: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        return list(cursor.fetchall())


@pytest.mark.parametrize("sql", FORBIDDEN)
@pytest.mark.parametrize("table", TABLES)
def test_what_was_told_is_neither_changed_nor_removed(told: None, table: str, sql: str) -> None:
    before = _rows(table)
    assert before
    with (
        pytest.raises(IntegrityError, match=r"kept|never|ledgers name it"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.format(table=table, owner=TABLES[table]))
    assert _rows(table) == before


def test_what_became_of_it_is_written_beside_it(told: None) -> None:
    at = clock.now()
    with unit.work(by=actors.system("venue:SIMA"), at=at) as work:
        inbox.close(work, [(Inbound.objects.get().pk, "applied", "")], at=at)
    central.apply(MatchingMessage.objects.get().service_id)
    mailbox.apply(CustodianMessage.objects.get().custodian_id)
    assert Inbound.objects.get().verdict == "applied"
    assert MatchingMessage.objects.get().verdict == "unreadable"
    assert CustodianMessage.objects.get().verdict == "unreadable"
