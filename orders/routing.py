"""Routing: approved orders that are due become execution orders, many per run, each once."""

from __future__ import annotations

from datetime import datetime

from oms_site.firm import generation
from oms_site.journal import actors, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import clearances, execution, rulesets, tree
from orders.clearances import Clearance
from orders.execution import Issue
from orders.models import Order
from orders.tree import Tree
from venues import instruments

_by = actors.system("routing")


def drain(*, limit: int = 200) -> int:
    """Route what is due, up to `limit` orders in one transaction. Returns how many were taken.

    Several workers may drain at once: each takes rows that no other holds.
    """
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.check()
        due = (
            Order._base_manager.select_for_update(no_key=True, skip_locked=True)
            .filter(route_at__lte=at)
            .order_by("route_at")[:limit]
        )
        orders = {order.id: work.hold(order) for order in due}
        trees = tree.below(work, orders)
        cleared = clearances.of(orders.values())
        for order_id, one in trees.items():
            _route(work, one, cleared.get(order_id), at=at)
    return len(orders)


def _route(work: Unit, one: Tree, clearance: Clearance | None, *, at: datetime) -> None:
    order = one.order
    choice = rulesets.choose(order, instruments.by_id(order.instrument_id))
    if clearance is None or not choice.instructions or at >= order.expires_at:
        _stage(work, one, "its session is over" if clearance else "it has no clearance", at=at)
        return
    for instruction in choice.instructions:
        try:
            execution.issue(
                work,
                one,
                [Issue(instruction, choice.origin, choice.rule)],
                clearance=clearance,
                by=_by,
                at=at,
            )
        except OmsError as refusal:
            _refuse(work, one, instruction.client_execution_order_id, refusal, at=at)


def _stage(work: Unit, one: Tree, why: str, *, at: datetime) -> None:
    one.order.routed(execution_orders=0)
    body = {**execution.naming(one), "reason": f"staged: {why}"}
    execution.record(work, one, "stage", body, msg_type=MsgType.INTERNAL, by=_by, at=at)


def _refuse(
    work: Unit, one: Tree, client_id: str | None, refusal: OmsError, *, at: datetime
) -> None:
    one.order.routed(execution_orders=0)
    execution.record(
        work,
        one,
        "execution_order_reject",
        {
            **execution.naming(one),
            "client_execution_order_id": client_id,
            "code": refusal.code,
            "reason": refusal.message,
        },
        msg_type=MsgType.SYSTEM_UPDATE,
        by=_by,
        at=at,
    )
