"""What the product's own tables say, read beside it with plain SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.product import Product

UNSETTLED = """
SELECT (SELECT count(*) FROM orders_order WHERE status <> 'filled' AND NOT bypass_auto_execution)
     + (SELECT count(*) FROM orders_allocationdue)
     + (SELECT count(*) FROM allocations_bookingleg WHERE status <> 'booked')
     + (SELECT count(*) FROM orders_execution x JOIN orders_order o ON o.id = x.order_id
        WHERE NOT EXISTS (SELECT 1 FROM allocations_allocation a
                          JOIN allocations_bookingleg l ON l.allocation_id = a.id
                          WHERE a.order_id = o.id))
"""


@contextmanager
def tables(product: Product) -> Iterator[psycopg.Connection[Any]]:
    """A connection of our own to its database."""
    with psycopg.connect(product.run["database_url"], autocommit=True) as connection:
        yield connection


def rows(product: Product, sql: str) -> list[tuple[Any, ...]]:
    """The rows of one query."""
    with tables(product) as connection:
        return connection.execute(sql).fetchall()


def unsettled(product: Product) -> int:
    """How many orders, fills and legs are still on their way."""
    return int(rows(product, UNSETTLED)[0][0])


def told_of(product: Product, subjects: Sequence[str]) -> list[str]:
    """What happened to these and to their orders, one line each: for a test that waits in vain."""
    told = (
        "SELECT at, event_type, subject, seq, order_id, body::json->'event'->>'code',"
        " body::json->'event'->>'reason' FROM journal_event WHERE subject = ANY(%s)"
        " OR order_id IN (SELECT order_id FROM journal_event WHERE subject = ANY(%s)"
        " AND order_id <> '') ORDER BY id DESC LIMIT 200"
    )
    with tables(product) as connection:
        found = connection.execute(told, [list(subjects), list(subjects)]).fetchall()
    return [" ".join(str(part) for part in row) for row in reversed(found)]
