"""`manage.py book_holdings`: posts executions and legs that have no movement yet, oldest first.

For books that are older than the holdings; on any other book it finds nothing. Safe to repeat and
on a running product: what is posted once is left alone.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from allocations.holdings import shares
from allocations.models import BookingLeg
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
SELECT l.* FROM allocations_bookingleg l JOIN allocations_allocation a ON a.id = l.allocation_id
WHERE NOT a.implicit AND l.status <> 'canceled'
    AND NOT EXISTS (SELECT 1 FROM allocations_movement m WHERE m.source_id = l.id)
ORDER BY l.created_at, l.id LIMIT %s
"""


class Command(BaseCommand):
    """Catches the holdings up with what was executed and split."""

    help = "Post executions and booking legs that no movement states yet."

    def handle(self, *args: Any, **options: Any) -> None:
        generation.check()
        fills = _all(_post_executions)
        legs = _all(_post_legs)
        self.stdout.write(f"{fills} executions and {legs} legs posted")


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


def _post_legs() -> int:
    at = clock.now()
    with unit.work(by=actors.system("holdings"), at=at) as work:
        legs = list(BookingLeg.objects.raw(_LEGS, [_BATCH]))
        given = [(leg.allocation, leg.account_allocation, leg) for leg in legs]
        shares.allocate(work, given, at=at)
    return len(legs)
