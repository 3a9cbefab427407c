"""A queue that is made while people move money: whoever moves it then is told of as well."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.db import connection, transaction

from allocations.models import Movement, MovementNotice
from tests.races import racing

pytestmark = pytest.mark.django_db(transaction=True)
MIGRATION = import_module("allocations.migrations.0010_custodian_statements")


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def before(committed_sandbox: Any) -> Iterator[None]:
    """A book from before there were notices; the trigger is there again whatever happens."""
    execute(MIGRATION.NOT_TOLD)
    execute("TRUNCATE allocations_movementnotice")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'allocations_movement_told'")
        if cursor.fetchone() == (0,):
            cursor.execute(MIGRATION.TOLD)


def test_what_moves_while_the_queue_is_made_is_told_once(before: None, api: Any) -> None:
    steps = [
        one.sql
        for one in MIGRATION.Migration.operations
        if getattr(one, "sql", None) in (MIGRATION.TOLD, MIGRATION.CATCH_UP)
    ]
    ask = {"kind": "deposit", "account_id": "alpha-002", "amount": 2000}
    client = api("alpha_ops")

    def deposit() -> int:
        return int(client.post("/v1/transaction/", ask)[0])

    assert deposit() in (200, 201, 202)
    with transaction.atomic():
        execute(steps[0])
        wait = racing.beside(deposit)
        racing.until_somebody_waits_for_me()
        execute(steps[1])
    assert wait() in (200, 201, 202)
    moved = Movement.objects.filter(kind="deposit", account_id="alpha-002").order_by("id")
    told = MovementNotice.objects.filter(movement__in=moved).order_by("movement_id")
    assert len(moved) == 2
    assert [one.movement_id for one in told] == [one.id for one in moved]
