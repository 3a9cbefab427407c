"""Orders sent without saying for whom: their split is entered afterward and decided by another.

Only where the policy allows it. Their fills lie in suspense until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError

from allocations import engine, named, post_trade
from allocations.models import Allocation, PostTradeEntry
from allocations.post_trade import Ask, Block
from oms_site.firm import generation, policies
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.kit.errors import NotFound, OmsError
from orders import charges, fills, render
from orders.models import AllocationDue, Order
from orders.states import OrderStatus

RELEASE = "booking.repair"


@dataclass(frozen=True, slots=True)
class Entered:
    """The entry, and whether the very same request had made it before."""

    row: PostTradeEntry
    replayed: bool = False


def enter(
    order_id: str, ask: Ask, *, by: Principal, at: datetime, correlation_id: str = ""
) -> Entered:
    """Ask for the split of an order. Raises `NotFound`, `OmsError`.

    409: `post_trade_allocation_disabled` by policy, `allocation_basis_fixed` for an order that
    said for whom it is, `nothing_to_allocate` for one that can have no fills, and for an id of the
    client that names something else. The same request with its `client_allocation_id` answers with
    what it made.
    """
    by.require(post_trade.ENTER)
    generation.check()
    try:
        return _enter(order_id, ask, by=by, at=at, correlation_id=correlation_id)
    except IntegrityError as clash:
        lost = getattr(getattr(clash.__cause__, "diag", None), "constraint_name", "") or ""
        if lost not in named.CONSTRAINTS:
            raise
        raise named.lost(lost) from None


def _enter(order_id: str, ask: Ask, *, by: Principal, at: datetime, correlation_id: str) -> Entered:
    policy = policies.of(by.organization_id, at=at)
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        order = work.lock(Order, [order_id]).get(order_id)
        if order is None or order.organization_id != by.organization_id:
            raise NotFound("order")
        before = post_trade.known(ask, organization_id=by.organization_id, order_id=order_id)
        if before is not None:
            return Entered(before, replayed=True)
        if not post_trade.is_allowed(policy):
            message = "Your policy fixes allocations before the first fill."
            raise OmsError("post_trade_allocation_disabled", message, status=409)
        _check_open(order)
        row = post_trade.enter(work, ask, _block(order), policy=policy, by=by, at=at)
    return Entered(row)


def decide(
    entry_id: str,
    *,
    approve: bool,
    annotation: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> PostTradeEntry:
    """Agree to an entry, or not, as another person; agreeing has the fills split. Raises as above.

    Whoever agrees looks with `allocation.approve`: 403 `maker_is_checker` for who entered it.
    """
    by.require(post_trade.DECIDE)
    generation.check()
    if approve and not annotation.strip():
        raise OmsError("annotation_required", "Say why you agree.", field="annotation")
    known = PostTradeEntry.objects.filter(id=entry_id, organization_id=by.organization_id).first()
    if known is None:
        raise NotFound("entry")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        # Order before allocation, as everywhere: fills lock the order first.
        order = work.lock(Order, [known.order_id])[known.order_id]
        row = work.lock(PostTradeEntry, [entry_id])[entry_id]
        made = post_trade.decide(
            work,
            row,
            _block(order),
            approve=approve,
            note=annotation.strip(),
            by=by,
            at=at,
            order=render.order_json(order),
        )
        if made is not None and (order.executions_made or order.is_terminal):
            work.add(AllocationDue(order_id=order.id, due_at=at))
            work.ring("orders.tasks.allocate")
    return row


def _check_open(order: Order) -> None:
    if order.account_id is not None or order.allocation_id is not None:
        message = "Who is to get its fills was fixed before the first of them."
        raise OmsError("allocation_basis_fixed", message, status=409)
    if Allocation.objects.filter(order_id=order.id).exists():
        raise OmsError("allocation_basis_fixed", "It has been split already.", status=409)
    if order.status == OrderStatus.REJECTED or (order.is_terminal and not order.cum_qty):
        raise OmsError("nothing_to_allocate", "Nothing of it was executed.", status=409)


def _block(order: Order) -> Block:
    executed = charges.standing(list(fills.of_order(order.id)))
    return Block(
        organization_id=order.organization_id,
        order_id=order.id,
        instrument_id=order.instrument_id,
        side=order.side,
        amount_type=order.amount_type,
        order_qty=order.order_qty,
        filled_qty=order.cum_qty,
        is_over=order.is_terminal,
        first_fill_at=min((fill.executed_at for fill in executed), default=None),
    )


def release(
    allocation_id: str, *, by: Principal, at: datetime, correlation_id: str = ""
) -> Allocation:
    """Let bookings go that a rule holds back, once. Raises `NotFound`, `OmsError` (409)."""
    by.require(RELEASE)
    mine = Allocation.objects.filter(id=allocation_id, organization_id=by.organization_id)
    order_id = mine.values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound("allocation")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        work.lock(Order, [order_id])
        row = work.lock(Allocation, [allocation_id])[allocation_id]
        engine.release(work, allocation=row, at=at)
        work.add(AllocationDue(order_id=order_id, due_at=at))
        work.ring("orders.tasks.allocate")
    return row
