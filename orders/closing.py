"""How an execution order ends, and what its end means for the order above it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from allocations import corporate_actions
from oms_site.firm import policies
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from orders import execution, rulesets, time_in_force
from orders.models import AllocationDue, ExecutionOrder, Order
from orders.revisions import dropping
from orders.states import OrderStatus, Pending
from orders.tree import Tree
from venues import instruments

IMMEDIATE = "not_filled_at_once"
SLICE = "schedule"  # the origin of what a schedule sends
AFTER_AUCTION = "end_of_auction"
OTHER = 99  # CxlRejReason(102)


def close_execution(
    work: Unit,
    one: Tree,
    row: ExecutionOrder,
    how: str,
    *,
    by: Actor,
    at: datetime,
    reason: str = "",
    also: Sequence[Any] = (),
    couple: bool = True,
) -> None:
    """End an execution order by `cancel`, `reject` or `expire`, and follow up on its order.

    A venue that canceled because we let it expire is an expiry. `couple` False leaves the order
    to the caller.
    """
    if how == "cancel" and row.pending == Pending.EXPIRE:
        how = "expire"
    step = {"cancel": row.cancel, "reject": row.reject, "expire": row.expire}[how]
    step(at=at, reason=reason)
    execution.record(
        work,
        one,
        "execution_order_cancel",
        {
            **execution.naming(one, row),
            "status": str(row.status),
            "reason": reason or how,
        },
        also=(row, *also),
        by=by,
        at=at,
    )
    if couple:
        follow_up(work, one, row, by=by, at=at)


def follow_up(work: Unit, one: Tree, row: ExecutionOrder, *, by: Actor, at: datetime) -> None:
    """Close the order when its last live execution order has ended and it was to be closed.

    Coupling (guide, `explicit_cancelation_required`): exactly one execution order ever, and that
    one canceled, cancels the order too unless the client keeps that for itself.
    """
    order = one.order
    if order.is_terminal:
        return
    if one.live():
        if order.pending == Pending.CANCEL:
            give_up_request(work, one, code=OTHER, reason="A venue refused.", by=by, at=at)
        return
    if order.pending == Pending.CANCEL:
        _close(work, one, "cancel", why_asked(order), by=by, at=at)
    elif order.pending == Pending.EXPIRE:
        _close(work, one, "expire", "end_of_day", by=by, at=at)
    elif (
        row.status == OrderStatus.CANCELED
        and order.execution_orders_made == 1
        # A slice that gives back its rest ends nothing: its schedule goes on, or a trader does.
        and row.origin != SLICE
        and not order.explicit_cancelation_required
    ):
        _close(work, one, "cancel", "execution_order_canceled", by=by, at=at)
    elif order.time_in_force in time_in_force.AUCTIONS and row.status == OrderStatus.EXPIRED:
        _close(work, one, "expire", AFTER_AUCTION, by=by, at=at)
    elif order.time_in_force in time_in_force.IMMEDIATE:
        # What a venue did not do at once is not tried again (FIX 59=3 and 59=4 end canceled).
        _close(work, one, "cancel", IMMEDIATE, by=by, at=at)
    elif order.time_in_force in time_in_force.MULTI_DAY and row.status == OrderStatus.EXPIRED:
        carry_over(work, one, by=by, at=at)


def carry_over(work: Unit, one: Tree, *, by: Actor, at: datetime) -> None:
    """The session is over and the order is not: it goes out again at the next open."""
    order = one.order
    routable = rulesets.choose(order, instruments.by_id(order.instrument_id)).instructions
    order.carry(route_at=time_in_force.next_route_at(order, at=at) if routable else None)
    execution.record(
        work,
        one,
        "carry_over",
        {**execution.naming(one), "route_at": order.route_at},
        msg_type=MsgType.INTERNAL,
        by=by,
        at=at,
    )


def give_up_request(
    work: Unit,
    one: Tree,
    row: ExecutionOrder | None = None,
    *,
    code: int,
    reason: str,
    by: Actor,
    at: datetime,
) -> None:
    """Drop requests to cancel that no venue has left to answer, and tell the client (FIX 102).

    `row` is the execution order whose venue has just refused. The end of the day is no client's
    request and stays: the venue ends its orders itself.
    """
    order, also, request_id = one.order, list[ExecutionOrder](), ""
    if row is not None and row.pending == Pending.CANCEL:
        if any(child.pending == Pending.CANCEL for child in one.working(row)):
            return
        request_id = row.cancel_request_id
        row.refuse_cancel(replacing=any(child.replace_cl_ord_id for child in one.working(row)))
        also.append(row)
    why: dict[str, Any] = {"code": code, "reason": reason}
    if order.pending == Pending.CANCEL and not any(
        live.pending == Pending.CANCEL for live in one.live()
    ):
        why = {**named(order.cancel_request_id), **why}
        order.refuse_cancel()
        event, body = "cancel_reject", {**execution.naming(one), **why}
    elif also:
        why = {**named(request_id), **why}
        event, body = "execution_order_cancel_reject", {**execution.naming(one, row), **why}
    else:
        return
    execution.record(
        work, one, event, body, msg_type=MsgType.SYSTEM_UPDATE, also=also, by=by, at=at
    )


def named(cancel_request_id: str) -> dict[str, str]:
    """The id of the cancel request that an event answers, where somebody made one."""
    return {"cancel_request_id": cancel_request_id} if cancel_request_id else {}


def end_of_life(order: Order, *, at: datetime) -> str:
    """End an order whose time is over, as its policy wants it told: by `expire` or by `cancel`."""
    policy = policies.pinned(order.organization_id, order.policy_id)
    if policy is not None and policy["expiry_event"] == "cancel":
        order.cancel(at=at)
        return "cancel"
    order.expire(at=at)
    return "expire"


def why_asked(order: Order, *, by_name: bool = False) -> str:
    """Why it was asked to stop, as its `cancel` says: somebody's request, or the security's end."""
    how = corporate_actions.ended(order.organization_id, order.instrument_id)
    asked_by_name = by_name or bool(order.cancel_request_id)
    return f"security_{how}" if how and not asked_by_name else "requested"


def _close(work: Unit, one: Tree, how: str, reason: str, *, by: Actor, at: datetime) -> None:
    order = one.order
    asked = named(order.cancel_request_id) if order.pending == Pending.CANCEL else {}
    body = {**execution.naming(one), **asked, "reason": reason}
    if how == "cancel":
        order.cancel(at=at)
    else:
        how = end_of_life(order, at=at)
    execution.record(work, one, how, body, by=by, at=at)
    dropping.drop_with_order(work, one, by=by, at=at)
    allocate_later(work, one, at=at)


def allocate_later(work: Unit, one: Tree, *, at: datetime) -> None:
    """Have what was filled split over its accounts once this unit has committed."""
    # Also when busts took everything back: what was booked of it is no longer true.
    if one.order.executions_made:
        work.add(AllocationDue(order_id=one.order.id, due_at=at))
        work.ring("orders.tasks.allocate")
