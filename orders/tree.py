"""An order with its execution orders and venue orders, locked together from the top down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from oms_site.firm import libpq
from oms_site.journal import reading
from oms_site.journal.unit import Unit
from orders.models import Execution, ExecutionOrder, Order, VenueOrder
from orders.models.order import ZERO

_THEIRS = """ANY($1::text[] || ARRAY(
    SELECT order_id::text FROM orders_venueorder WHERE id = ANY($2::text[])))"""


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
    wanted = list(order_ids)
    orders, *parts = reading.locked_in_turn(
        (Order, {"id": wanted}),
        (ExecutionOrder, {"order_id": wanted}),
        (VenueOrder, {"order_id": wanted}),
    )
    # Others' are not held: what is expected of a row is answered to whoever may see it.
    mine = [row for row in orders if organization_id in ("", row.organization_id)]
    return _grown(work, {row.id: work.hold(row) for row in mine}, *parts)


def questions(order_ids: Iterable[str], venue_order_ids: Iterable[str]) -> list[libpq.Asked]:
    """What locks the same of these orders, and of those that these venue orders are of; `held`."""
    params = [sorted(set(order_ids)), sorted(set(venue_order_ids))]
    tables = ((Order, "id"), (ExecutionOrder, "order_id"), (VenueOrder, "order_id"))
    return [(reading.locking(model, f'"{column}" = {_THEIRS}'), params) for model, column in tables]


def held(work: Unit, answers: Sequence[Sequence[libpq.Row]]) -> dict[str, Tree]:
    """The trees that the answers to `questions` are, held by the unit."""
    orders, execution_orders, venue_orders = answers
    mine = {row.id: work.hold(row) for row in reading.made(Order, orders)}
    below = reading.made(ExecutionOrder, execution_orders), reading.made(VenueOrder, venue_orders)
    return _grown(work, mine, *below)


def below(work: Unit, orders: dict[str, Order]) -> dict[str, Tree]:
    """The trees of orders that this unit has locked already."""
    if not any(order.execution_orders_made for order in orders.values()):
        return _grown(work, orders, [], [])
    parts = reading.locked_in_turn(
        (ExecutionOrder, {"order_id": orders}), (VenueOrder, {"order_id": orders})
    )
    return _grown(work, orders, *parts)


def _grown(
    work: Unit,
    orders: dict[str, Order],
    execution_orders: Iterable[ExecutionOrder],
    venue_orders: Iterable[VenueOrder],
) -> dict[str, Tree]:
    trees = {key: Tree(order) for key, order in orders.items()}
    for row in execution_orders:
        if row.order_id in trees:
            trees[row.order_id].execution_orders.append(work.hold(row))
    for child in venue_orders:
        if child.order_id in trees:
            trees[child.order_id].venue_orders[child.execution_order_id].append(work.hold(child))
    return trees
