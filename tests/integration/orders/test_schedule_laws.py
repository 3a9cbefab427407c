"""What the database itself refuses of schedules and their slices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from psycopg.types.json import Jsonb

from oms_site.kit import ids
from orders.models import ExecutionOrder, ScheduleSlice
from orders.schedules import sending
from tests import scheduling, trading

D = Decimal
pytestmark = pytest.mark.usefixtures("sandbox")


def refused(sql: str, *values: Any) -> str:
    """What the database says of a statement that it refuses."""
    with pytest.raises(DatabaseError) as refusal:
        attempt(sql, *values)
    return str(refusal.value)


def attempt(sql: str, *values: Any) -> None:
    """Run a statement to where its transaction would end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def order_id(sandbox: object) -> str:
    """An order whose schedule has sent its first slice."""
    made = scheduling.staged()
    scheduling.started(made)
    sending.drain()
    return made


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("orders_schedule", "qty = 1"),
        ("orders_schedule", "end_at = end_at + interval '1 hour'"),
        ("orders_schedule", "max_slice = 99999"),
        ("orders_schedule", "limit_price = 100"),
        ("orders_scheduleslice", "qty = 2000"),
        ("orders_scheduleslice", "due_at = due_at - interval '1 minute'"),
        ("orders_scheduleslice", "number = 11"),
    ],
)
def test_the_terms_of_a_schedule_never_change(order_id: str, table: str, change: str) -> None:
    said = refused(f"UPDATE {table} SET {change}, version = version + 1")
    assert "its terms never change" in said


@pytest.mark.parametrize("table", ["orders_schedule", "orders_scheduleslice"])
def test_neither_is_deleted_or_changed_without_a_version(order_id: str, table: str) -> None:
    assert "rows are kept" in refused(f"DELETE FROM {table}")
    assert "needs a new version" in refused(f"UPDATE {table} SET reason = 'x'")


def test_a_slice_is_sent_once_and_only_as_an_execution_order_of_its_own_order(
    order_id: str,
) -> None:
    first, second = scheduling.slices(order_id)[:2]
    said = refused(
        "UPDATE orders_scheduleslice SET execution_order_id = NULL, sent_qty = NULL,"
        " status = 'planned', version = version + 1 WHERE id = %s",
        first.id,
    )
    assert "a slice is sent once" in said
    set_to = (
        "UPDATE orders_scheduleslice SET execution_order_id = %s, sent_qty = 1000,"
        " status = 'sent', version = version + 1 WHERE id = %s"
    )
    assert "unique" in refused(set_to, first.execution_order_id, second.id)
    other = trading.submit(bypass_auto_execution=True, client_order_id="other")
    trading.execute(other, 1000)
    strange = ExecutionOrder.objects.get(order_id=other)
    assert "no such execution order of its order" in refused(set_to, strange.id, second.id)


def test_slices_come_to_the_quantity_of_their_schedule_for_ever(order_id: str) -> None:
    row = scheduling.now(order_id)
    one: dict[str, Any] = {
        "id": ids.prefixed("sl"),
        "organization_id": row.organization_id,
        "version": 1,
        "schedule": row,
        "order_id": order_id,
        "number": 11,
        "due_at": row.end_at,
        "qty": D(1000),
    }
    with pytest.raises(IntegrityError, match="are not its quantity"), transaction.atomic():
        ScheduleSlice.objects.create(**one)


def test_a_schedule_has_slices_and_an_order_one_open_schedule(order_id: str) -> None:
    row = scheduling.now(order_id)
    copied = (
        "INSERT INTO orders_schedule SELECT (jsonb_populate_record(s, %s)).*"
        " FROM orders_schedule s WHERE s.id = %s"
    )
    again = {"id": ids.prefixed("sch")}
    assert "one_open_schedule" in refused(copied, Jsonb(again), row.id)
    over = {**again, "status": "finished", "next_at": None}
    assert "has no slices" in refused(copied, Jsonb(over), row.id)
