"""Orders of a group: taken in while it is open, counted as they are filled, canceled together.

Fills count by when they reached us, as they were first reported: busts and corrections give no room
and take none. What was filled is counted under the group's row lock, in the fill's own transaction,
so the fill that goes over the limit locks the group, whoever reports it and however many at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from controls import order_groups
from controls.models import OrderGroup
from oms_site.journal.unit import Unit
from oms_site.kit.errors import OmsError
from orders.models import Execution, Order
from orders.requests import SubmitRequest

Groups = Mapping[str, OrderGroup]


def enter(requests: Iterable[SubmitRequest], *, locked: bool = True) -> Groups:
    """The groups that requests name, held shared until the end of the transaction."""
    return order_groups.enter((one.ask.group for one in requests if one.ask.group), locked=locked)


def check(request: SubmitRequest, groups: Groups) -> None:
    """Raises `OmsError` 422 `order_group_not_found` for a group that is not of the caller's."""
    name = request.ask.group
    found = groups.get(name)
    if name and (found is None or found.organization_id != request.principal.organization_id):
        raise OmsError("order_group_not_found", f"No order group {name!r}.", field="order_group_id")


def count(work: Unit, orders: Mapping[str, Order], *, at: datetime) -> None:
    """Count what this unit has filled; a group that got too much is locked with it.

    Called once for every unit that fills orders, after their rows and before anything else is
    locked.
    """
    made: dict[str, list[Execution]] = {}
    for fill in work.added(Execution):
        order = orders.get(fill.order_id)
        if order is not None and order.order_group_id and _counts(fill):
            made.setdefault(order.order_group_id, []).append(fill)
    if not made:
        return
    for key, group in work.lock(OrderGroup, made).items():
        fills = [(fill.received_at, fill.qty) for fill in made[key]]
        since = min(moment for moment, _ in fills) - timedelta(seconds=group.window_s)
        stored = _stored(group, since)
        if group.counted_from is not None:
            fills = [one for one in fills if one[0] > group.counted_from]
        if order_groups.lock_over(work, group, [*stored, *fills], at=at):
            work.ring("orders.tasks.drain_order_groups")


def _counts(fill: Execution) -> bool:
    return str(fill.kind) == Execution.Kind.TRADE and fill.qty > 0


def _stored(group: OrderGroup, since: datetime) -> Sequence[order_groups.Fill]:
    rows = Execution.objects.filter(
        order__order_group_id=group.id,
        kind=Execution.Kind.TRADE,
        received_at__gt=max(since, group.counted_from or since),
    )
    return list(rows.order_by("received_at", "id").values_list("received_at", "qty"))


def over(order: Order, groups: Groups) -> tuple[str, ...]:
    """What stands over an order because its group is locked."""
    found = groups.get(order.order_group_id or "")
    return (found.standing,) if found is not None and found.locked_at is not None else ()
