"""`manage.py book_holdings`: posts executions and legs that have no movement yet, oldest first.

For books that are older than the holdings; on any other book it finds nothing. Safe to repeat and
on a running product: what is posted once is left alone.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from allocations.holdings import shares
from allocations.models import Allocation
from oms_site.firm import generation
from oms_site.journal import actors, unit
from oms_site.kit import clock
from orders import holdings
from orders.models import Execution, Order

_BATCH = 500
_EXECUTIONS = """
SELECT x.* FROM orders_execution x
WHERE NOT EXISTS (SELECT 1 FROM allocations_movement m WHERE m.source_id = x.id)
ORDER BY x.received_at, x.order_id, x.sequence LIMIT %s
"""
_LEGS = """
SELECT DISTINCT l.allocation_id FROM allocations_bookingleg l
JOIN allocations_allocation a ON a.id = l.allocation_id
WHERE NOT a.implicit AND l.status <> 'canceled' AND l.reverses_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM allocations_bookingleg r WHERE r.reverses_id = l.id)
    AND NOT EXISTS (SELECT 1 FROM allocations_movement m WHERE m.source_id = l.id)
ORDER BY l.allocation_id LIMIT %s
"""


class Command(BaseCommand):
    """Catches the holdings up with what was executed and split."""

    help = "Post executions and booking legs that no movement states yet."

    def handle(self, *args: Any, **options: Any) -> None:
        generation.check()
        fills = _all(_post_executions)
        splits = _all(_post_splits)
        self.stdout.write(f"{fills} executions and {splits} allocations posted")


def _all(step: Any) -> int:
    done = 0
    while count := step():
        done += count
    return done


def _post_executions() -> int:
    at = clock.now()
    with unit.work(by=actors.system("holdings"), at=at) as work:
        fills = list(Execution.objects.raw(_EXECUTIONS, [_BATCH]))
        orders = Order.objects.in_bulk({fill.order_id for fill in fills})
        holdings.post(work, fills, orders, at=at)
    return len(fills)


def _post_splits() -> int:
    at = clock.now()
    with unit.work(by=actors.system("holdings"), at=at) as work:
        with connection.cursor() as cursor:
            cursor.execute(_LEGS, [_BATCH])
            keys = [key for (key,) in cursor.fetchall()]
        shares.settle(work, shares.of(work, work.lock(Allocation, keys)), at=at)
    return len(keys)
