"""Lists of orders with everything that hangs on them, read or locked together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from oms_site.journal.unit import Unit
from orders import tree
from orders.contingent.planning import Leg
from orders.models import OrderList, OrderListLeg
from orders.states import ORDER_TERMINAL, Contingency
from orders.tree import Tree
from venues import instruments

# An order that moves has another version: their sum says whether anything has happened since.
_DUE = """
SELECT w.order_list_id FROM orders_orderlistwatch w
JOIN orders_order o ON o.order_list_id = w.order_list_id
WHERE NOT w.over AND w.order_list_id <> ALL(%s) GROUP BY w.order_list_id, w.seen
HAVING sum(o.version) <> w.seen OR (bool_and(o.status = ANY(%s)) AND max(o.expires_at) <= %s)
ORDER BY w.order_list_id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Family:
    """A list whose orders depend on each other, locked by the current unit, legs in their order."""

    row: OrderList
    legs: tuple[tuple[OrderListLeg, Tree], ...]

    @property
    def seen(self) -> int:
        """The versions of its orders, added up: another sum means that something has moved."""
        return sum(one.order.version for _, one in self.legs)

    @property
    def is_over(self) -> bool:
        """Whether all of it has ended."""
        return all(one.order.is_terminal for _, one in self.legs)

    def facts(self) -> list[Leg]:
        """The legs as the rules see them."""
        return [leg_of(leg, one) for leg, one in self.legs]


def leg_of(leg: OrderListLeg, one: Tree) -> Leg:
    """One order as the rules see it."""
    order, facts = one.order, instruments.by_id(one.order.instrument_id)
    return Leg(
        id=order.id,
        role=leg.role,
        status=str(order.status),
        qty=order.order_qty,
        filled=order.cum_qty,
        working=one.committed(),
        released=order.released_qty or order.cum_qty * 0,
        increment=facts.min_increment,
        least=facts.min_denomination,
        armed=order.armed_at is not None,
        waits_for_price=order.awaits_trigger,
        triggered_at=order.triggered_at,
    )


def due(*, at: datetime, limit: int, without: Sequence[str] = ()) -> list[str]:
    """Lists of which an order has moved since they were looked at, or that have come to an end."""
    ended = sorted(str(status) for status in ORDER_TERMINAL)
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [list(without), ended, at, limit])
        return [row[0] for row in cursor.fetchall()]


def lock(work: Unit, order_list_ids: Collection[str]) -> list[Family]:
    """Lists with their orders and everything below them, locked in the order of all rooms."""
    legs: dict[str, list[OrderListLeg]] = defaultdict(list)
    rows = OrderListLeg.objects.filter(order_list_id__in=order_list_ids)
    for leg in rows.select_related("order_list").order_by("order_list_id", "position"):
        legs[leg.order_list_id].append(leg)
    trees = tree.lock(work, [leg.order_id for some in legs.values() for leg in some])
    return [
        Family(some[0].order_list, tuple((leg, trees[leg.order_id]) for leg in some))
        for some in legs.values()
    ]


def depend(contingency: str) -> bool:
    """Whether the orders of such a list depend on each other."""
    return contingency != Contingency.BASKET
