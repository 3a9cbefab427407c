"""Routing: approved orders that are due become execution orders, many per run, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
from django.db.models import QuerySet

from controls.models import Screening
from oms_site.firm import generation
from oms_site.firm.database import of_content
from oms_site.journal import actors, draining, unit
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import (
    clearances,
    closing,
    crossing,
    execution,
    rescreen,
    rulesets,
    sor,
    time_in_force,
    tree,
)
from orders.clearances import Clearance
from orders.execution import Issue
from orders.models import ExecutionOrder, Order
from orders.models.cross import PROTOCOL
from orders.requests import Instruction, Scheduled
from orders.rescreen import Looked, Part
from orders.rfq import instructing
from orders.schedules import checking, starting
from orders.tree import Tree
from venues import instruments

_by = actors.system("routing")
_odd = draining.Aside("route")


def drain(*, limit: int = 200) -> int:
    """Route what is due, up to `limit` orders in one transaction. Returns how many were routed.

    Several workers may drain at once: each takes rows that no other holds. An order that breaks
    the batch is found by routing them one at a time; it is staged and the others go their way.
    """
    crossing.drain()
    _look_at_books(limit)

    def alone(order_id: str) -> int:
        # What was looked at before the batch is too old by now, or before the last one's turn.
        sor.look([order_id])
        return _drain(1, [], only=order_id)

    return draining.safely(partial(_drain, limit), alone, aside=_set_aside)


def _look_at_books(limit: int) -> None:
    due = _due(Order.objects.all(), at=clock.now())
    names = list(due.values_list("id", flat=True)[:limit])
    if names:
        generation.check()
        sor.look(names)


def _due(rows: QuerySet[Order], *, at: datetime) -> QuerySet[Order]:
    due = rows.filter(route_at__lte=at, pending="").exclude(id__in=_odd.keys())
    return due.order_by("route_at")


def _drain(limit: int, taken: list[str], only: str = "") -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.enter()
        rows = Order._base_manager.select_for_update(no_key=True, skip_locked=True)
        due = _due(rows.filter(id=only) if only else rows, at=at)
        orders = {order.id: work.hold(order) for order in due[:limit]}
        taken += orders
        # What is locked now may have been approved after we began to look.
        at = clock.now()
        trees = tree.below(work, orders)
        cleared = clearances.of(orders.values())
        used = _used_ids(orders.values())
        looked = _look([trees[key] for key in orders], cleared, at=at)
        # Wheels of brokers are rows of firms: whoever turns several locks them in one order.
        for order_id, one in sorted(trees.items(), key=lambda item: item[1].order.organization_id):
            _route(work, one, cleared.get(order_id), used, looked, at=at)
    return len(orders)


def _set_aside(order_id: str, error: Exception) -> None:
    """Stage an order that cannot be routed, whatever the reason: a person looks at it."""
    try:
        with unit.work(by=_by, at=clock.now()) as work:
            order = work.lock(Order, [order_id])[order_id]
            if order.route_at is None:
                return  # somebody else was first
            _stage(work, Tree(order), "it could not be routed, see its break", at=work.at)
    except Exception as also:
        # Not even that: it is left out for a while, or it would be the first of every batch.
        if not of_content(also):
            raise
        _odd.put(order_id, error, order_id=order_id)
        raise
    draining.tell("route", order_id, error, order_id=order_id)


def _used_ids(orders: Iterable[Order]) -> set[tuple[str, str]]:
    """Which ids of execution orders, of those that these orders ask for, are taken already."""
    asked = {
        (order.organization_id, one["client_execution_order_id"])
        for order in orders
        for one in order.execution_instructions
        if one.get("client_execution_order_id")
    }
    if not asked:
        return set()
    rows = ExecutionOrder.objects.filter(
        organization_id__in={organization_id for organization_id, _ in asked},
        client_execution_order_id__in={client_id for _, client_id in asked},
    )
    taken = rows.values_list("organization_id", "client_execution_order_id")
    return {(organization_id, client_id) for organization_id, client_id in taken if client_id}


def _route(
    work: Unit,
    one: Tree,
    clearance: Clearance | None,
    used: set[tuple[str, str]],
    looked: Mapping[str, Looked],
    *,
    at: datetime,
) -> None:
    order = one.order
    choice = rulesets.choose(order, instruments.by_id(order.instrument_id))
    if clearance is None or not choice.instructions or at >= order.expires_at:
        why = "its session is over" if clearance else clearances.why_not(order).message
        _stage(work, one, why, at=at)
        return
    if time_in_force.waits(order, at=at):
        # We were not there while its session was open.
        closing.carry_over(work, one, by=_by, at=at)
        return
    if one.execution_orders and checking.open_of(order.id) is not None:
        # It came back at a close, and its schedule goes on by itself.
        _stage(work, one, "it is worked by a schedule", at=at)
        return
    for n, instruction in _what_is_left(choice, one):
        client_id = instruction.client_execution_order_id
        look = looked.get(f"{order.id}/{n}")
        kept = rescreen.evidence(look)
        try:
            if look is not None and look.refused:
                raise look.error()
            if client_id:
                _take_id(used, (order.organization_id, client_id))
            if isinstance(instruction, Scheduled):
                starting.of_instruction(
                    work, one, instruction, origin=choice.origin, evidence=kept, by=_by, at=at
                )
                continue
            plan = instructing.prepare(work, one, instruction, at=at)
            (row,) = execution.issue(
                work,
                one,
                [Issue(instruction, choice.origin, choice.rule, evidence=kept)],
                clearance=clearance,
                by=_by,
                at=at,
            )
            instructing.carry_out(work, one, row, plan, by=_by, at=at)
        except OmsError as refusal:
            _refuse(work, one, client_id, refusal, kept, at=at)
    if order.route_at is not None and order.route_at <= at:
        # Somebody else has taken all that was free: it must not come up again and again.
        _stage(work, one, "nothing of it is free", at=at)


def _look(
    trees: Iterable[Tree], cleared: Mapping[str, Clearance], *, at: datetime
) -> Mapping[str, Looked]:
    """Once more through the gate, all instructions of the batch together, for what is left."""
    parts = [
        Part(f"{one.order.id}/{n}", one.order, instruction)
        for one in trees
        if one.order.id in cleared and at < one.order.expires_at
        for n, instruction in _still_open(one)
    ]
    return rescreen.at_execution(parts, at=at)


def _still_open(one: Tree) -> Iterator[tuple[int, Instruction]]:
    """The instructions of an order, of one that has traded before as far as they are open."""
    order = one.order
    chosen = rulesets.choose(order, instruments.by_id(order.instrument_id)).instructions
    left = one.free()
    for n, instruction in enumerate(chosen):
        if not one.execution_orders and order.released_qty is None:
            yield n, instruction
            continue
        qty = min(instruction.qty, left)
        left -= qty
        if qty > 0:
            yield n, msgspec.structs.replace(instruction, qty=qty)


def _what_is_left(choice: rulesets.Choice, one: Tree) -> Iterator[tuple[int, Instruction]]:
    """The instructions of a choice; an order that came back at a close takes up what is open.

    Each is made before the next is asked for, so that together they never exceed what is free.
    Ids of the client named the first day's execution orders; a cross inside uses none of them.
    """
    if not one.execution_orders and one.order.released_qty is None:
        yield from enumerate(choice.instructions)
        return
    named = all(row.protocol == PROTOCOL for row in one.execution_orders)
    for n, instruction in enumerate(choice.instructions):
        qty = min(instruction.qty, one.free())
        client_id = instruction.client_execution_order_id if named else None
        if qty > 0:
            yield (
                n,
                msgspec.structs.replace(instruction, qty=qty, client_execution_order_id=client_id),
            )


def _take_id(used: set[tuple[str, str]], key: tuple[str, str]) -> None:
    if key in used:
        raise OmsError(
            "idempotency_conflict",
            "This client_execution_order_id belongs to another execution order.",
            field="client_execution_order_id",
            status=409,
        )
    used.add(key)


def _stage(work: Unit, one: Tree, why: str, *, at: datetime) -> None:
    one.order.routed(execution_orders=0)
    body = {**execution.naming(one), "reason": f"staged: {why}"}
    execution.record(work, one, "stage", body, msg_type=MsgType.INTERNAL, by=_by, at=at)


def _refuse(
    work: Unit,
    one: Tree,
    client_id: str | None,
    refusal: OmsError,
    evidence: Sequence[Screening],
    *,
    at: datetime,
) -> None:
    one.order.routed(execution_orders=0)
    work.add(*evidence)
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
        also=evidence,
        by=_by,
        at=at,
    )
