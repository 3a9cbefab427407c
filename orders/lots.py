"""Turns fills into allocation lots: the engine never sees an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from allocations import accounts, engine
from allocations.holdings import shares, suspense
from allocations.models import AccountAllocation, Allocation, BookingLeg
from allocations.states import AllocationStatus
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from orders import breaks, charges, fee_breaks, fills, render
from orders.fee_gaps import Piece
from orders.models import AllocationDue, Break, Execution, Order
from orders.states import ORDER_TERMINAL

OWNERLESS = "fill_without_allocation"
_by = actors.system("allocation")


def drain(*, limit: int = 100) -> int:
    """Split the fills of up to `limit` due entries over their accounts; returns how many.

    An entry that cannot be split is put off with a break, and the others are split without it.
    """
    return draining.safely(partial(_drain, limit), lambda key: _drain(1, [], key), aside=_put_off)


def _drain(limit: int, taken: list[int], only: int | None = None) -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        generation.check()
        due = list(
            AllocationDue.objects.select_for_update(skip_locked=True)
            .filter(due_at__lte=at, **({} if only is None else {"pk": only}))
            .order_by("id")[:limit]
        )
        taken += [entry.pk for entry in due]
        orders = work.lock(Order, {entry.order_id for entry in due})
        known = engine.of_orders(work, orders)
        executed = fills.of_orders(orders)
        split: dict[str, Allocation] = {}
        for order in orders.values():
            rows = known.get(order.id) or _implicit(work, order, at)
            if rows is not None:
                _allocate(work, order, rows, executed[order.id], at=at)
                split[rows.allocation.id] = rows.allocation
            pieces = () if rows is None else _pieces(work, rows, executed[order.id])
            fee_breaks.look(work, order, executed[order.id], pieces, at=at)
        shares.settle(work, shares.of(work, split), at=at)
        AllocationDue.objects.filter(pk__in=[entry.pk for entry in due]).delete()
    return len(due)


def _put_off(key: int, error: Exception) -> None:
    rows = AllocationDue.objects.filter(pk=key)
    order_id = rows.values_list("order_id", flat=True).first() or ""
    draining.tell("allocate", key, error, order_id=order_id)
    rows.update(due_at=clock.now() + draining.AGAIN)


def _allocate(
    work: Unit, order: Order, rows: engine.Rows, executed: Sequence[Execution], *, at: datetime
) -> None:
    standing = charges.standing(executed)
    if rows.allocation.status == AllocationStatus.CANCELED:
        _nobodys(work, order, rows.allocation, standing, at=at)
    engine.calculate(
        work,
        allocation=rows.allocation,
        accounts=rows.accounts,
        legs=rows.legs,
        lots=[lot_of(fill) for fill in standing],
        complete=order.status in ORDER_TERMINAL,
        order=render.order_json(order),
        at=at,
    )


def _pieces(work: Unit, rows: engine.Rows, executed: Sequence[Execution]) -> Sequence[Piece]:
    """Whose the standing fills are, the first in precedence first; nothing without busts."""
    if not any(fill.qty < 0 for fill in executed):
        return ()
    lots = [lot_of(fill) for fill in charges.standing(executed)]
    slices = engine.slices(
        rows.allocation,
        rows.accounts,
        legs=[*rows.legs, *work.added(BookingLeg)],
        lots=lots,
    )
    place = {one.account_id: (-one.requested_qty, one.position) for one in rows.accounts}
    ordered = sorted(slices, key=lambda one: place.get(one.account_id, (Decimal(0), len(place))))
    return [Piece(one.account_id, one.lot_ids, one.qty) for one in ordered]


def _nobodys(
    work: Unit,
    order: Order,
    allocation: Allocation,
    standing: Sequence[Execution],
    *,
    at: datetime,
) -> None:
    """Fills that came after their allocation was canceled: in suspense, each with a break, once.

    Two people transfer them from suspense to whose they are, and close it.
    """
    keys = {fill.id: fill for fill in standing}
    told = Break.objects.filter(organization_id=order.organization_id, kind=OWNERLESS, key__in=keys)
    for key in sorted(keys.keys() - set(told.values_list("key", flat=True))):
        breaks.open(
            work,
            kind=OWNERLESS,
            key=key,
            evidence={
                "execution_id": key,
                "qty": str(keys[key].qty),
                "price": str(keys[key].price),
                "allocation_id": allocation.id,
                "account_id": order.account_id or suspense(order.organization_id),
            },
            at=at,
            organization_id=order.organization_id,
            order_id=order.id,
        )


def _implicit(work: Unit, order: Order, at: datetime) -> engine.Rows | None:
    """The allocation of an order for a single account, made at its first fill."""
    if order.account_id is None:
        return None
    account = accounts.find_account(order.organization_id, order.account_id)
    assert account is not None
    allocation = engine.create(
        work,
        organization_id=order.organization_id,
        order_id=order.id,
        strategy="fifo_without_averaging",
        client_allocation_id=None,
        instrument_id=order.instrument_id,
        custodian_id=order.custodian_id or account.custodian_id,
        side=order.side,
        requested=[engine.Requested(account.id, order.order_qty)],
        implicit=True,
        amount_type=order.amount_type,
        at=at,
    )
    return engine.Rows(allocation, tuple(work.added(AccountAllocation)[-1:]), ())


def lot_of(fill: Execution) -> engine.Lot:
    """A fill as the engine splits it."""
    return engine.Lot(
        id=fill.id,
        sequence=fill.sequence,
        qty=fill.qty,
        price=fill.price,
        principal=fill.principal,
        accrued_interest=fill.accrued_interest,
        fees=fill.fees,
        trade_date=fill.trade_date,
        settlement_date=fill.settlement_date,
        venue=fill.source,
        bypass_trade_booking=fill.bypass_trade_booking,
    )
