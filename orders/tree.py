"""An order with its execution orders and venue orders, locked together from the top down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from oms_site.journal import reading
from oms_site.journal.unit import Unit
from orders.models import Execution, ExecutionOrder, Order, VenueOrder
from orders.models.order import ZERO


@dataclass(slots=True)
class Tree:
    """One order and everything below it, held by the current unit."""

    order: Order
    execution_orders: list[ExecutionOrder] = field(default_factory=list)
    venue_orders: dict[str, list[VenueOrder]] = field(default_factory=lambda: defaultdict(list))
    # Executions that this unit adds, and those that were there before it, once asked for.
    applied: list[Execution] = field(default_factory=list)
    stored: list[Execution] | None = None

    def live(self) -> list[ExecutionOrder]:
        """Execution orders that are not over."""
        return [row for row in self.execution_orders if not row.is_terminal]

    def working(self, execution_order: ExecutionOrder) -> list[VenueOrder]:
        """Venue orders of one execution order that no venue has ended."""
        return [row for row in self.venue_orders[execution_order.id] if not row.is_terminal]

    def committed(self) -> Decimal:
        """What live execution orders may still execute."""
        return sum((row.leaves_qty for row in self.live()), ZERO)

    def free(self) -> Decimal:
        """What of the order no execution order has taken: open quantity for new ones."""
        return max(self.order.open_to_market - self.committed(), ZERO)


def lock(work: Unit, order_ids: Iterable[str], *, organization_id: str = "") -> dict[str, Tree]:
    """Lock orders, then their execution orders, then their venue orders, each in key order.

    With an organization, orders of others are absent as if they did not exist.
    """
    found = reading.locked(Order, id=order_ids)
    # Others' are not held: what is expected of a row is answered to whoever may see it.
    mine = [row for row in found if organization_id in ("", row.organization_id)]
    return below(work, {row.id: work.hold(row) for row in mine})


def below(work: Unit, orders: dict[str, Order]) -> dict[str, Tree]:
    """The trees of orders that this unit has locked already."""
    trees = {key: Tree(order) for key, order in orders.items()}
    if not any(order.execution_orders_made for order in orders.values()):
        return trees
    for execution_order in reading.locked(ExecutionOrder, order_id=orders):
        trees[execution_order.order_id].execution_orders.append(work.hold(execution_order))
    for venue_order in reading.locked(VenueOrder, order_id=orders):
        tree = trees[venue_order.order_id]
        tree.venue_orders[venue_order.execution_order_id].append(work.hold(venue_order))
    return trees
