"""What one fill costs the client: fees capped over the whole order, and given back with a bust.

Called by `fills` as each fill is made. What was charged before is folded from the fills that stand,
so a cap holds for the order however many fills, busts and corrections it has.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from allocations import accounts, fees
from allocations.fees import Fee, Traded
from oms_site.kit.errors import OmsError
from orders.models import Execution, ExecutionOrder, Order
from orders.tree import Tree
from venues import instruments

log = logging.getLogger(__name__)
ZERO = Decimal("0.00")


def of_fill(
    one: Tree,
    row: ExecutionOrder,
    *,
    qty: Decimal,
    price: Decimal,
    principal: Decimal,
    settlement_date: date,
) -> Decimal:
    """Fees of one fill in cents: the execution order's, else the order's, else its risk group's.

    A fee in yield of what has no yield costs nothing: the trade is a fact and is not refused.
    """
    charged = fees.parse(given(one.order, row))
    if not charged:
        return ZERO
    so_far = [ZERO] * len(charged)
    if any(fee.max_fee_amount is not None for fee in charged):
        so_far = _so_far(one, row, charged)
    each = _each(one.order, charged, qty, price, principal, settlement_date, so_far)
    return sum(each, ZERO)


def taken_back(one: Tree, *, source: str, exec_ref_id: str, qty: Decimal) -> Execution | None:
    """The standing execution that a bust of `qty` under this ExecRefID takes back, if it is one."""
    if qty > 0:
        return None
    names = {exec_ref_id, f"{exec_ref_id}+"}
    for fill in reversed(standing(_history(one))):
        if fill.source == source and fill.qty == -qty and fill.exec_id in names:
            return fill
    return None


def standing(executed: Sequence[Execution]) -> list[Execution]:
    """The executions that stand: a bust and the trade it takes back to the cent both left out.

    A bust that does not match its trade stays, so that nothing is split and a person looks.
    """
    kept: list[Execution] = []
    for fill in executed:
        taken = _matching(fill, kept) if fill.qty < 0 else None
        if taken is None:
            kept.append(fill)
        else:
            kept.remove(taken)
    return kept


def _matching(bust: Execution, kept: Sequence[Execution]) -> Execution | None:
    names = {bust.exec_ref_id, f"{bust.exec_ref_id}+"}
    for fill in reversed(kept):
        same = (fill.source, fill.qty, fill.price) == (bust.source, -bust.qty, bust.price)
        if same and fill.exec_id in names and _cancels_out(fill, bust):
            return fill
    return None


def _cancels_out(fill: Execution, bust: Execution) -> bool:
    names = ("principal", "accrued_interest", "fees")
    return all(getattr(fill, name) == -getattr(bust, name) for name in names)


def given(order: Order, row: ExecutionOrder | None) -> Sequence[Mapping[str, Any]]:
    """The schedule that fills of this execution order are charged by, as it stands now."""
    group = accounts.find_risk_group(order.organization_id, order.risk_group_id or "")
    return fees.effective((row.fees if row else None) or order.fees, accounts.fees_for(group))


def replay(
    order: Order, charged: Sequence[Fee], executed: Sequence[Execution]
) -> tuple[dict[str, tuple[Decimal, ...]], list[Execution]]:
    """What each fill of these cost as it came, fee by fee, and which of them stand."""
    cost: dict[str, tuple[Decimal, ...]] = {}
    live: list[Execution] = []
    for fill in executed:
        if fill.qty < 0:
            taken = _matching(fill, live)
            if taken is not None:
                live.remove(taken)
            continue
        so_far = sums(charged, [cost[before.id] for before in live])
        cost[fill.id] = cost_of(order, charged, fill, so_far)
        live.append(fill)
    return cost, live


def cost_of(
    order: Order, charged: Sequence[Fee], fill: Execution, so_far: Sequence[Decimal]
) -> tuple[Decimal, ...]:
    """What a fill costs by each of these fees, which have come to `so_far` before it."""
    return _each(order, charged, fill.qty, fill.price, fill.principal, fill.settlement_date, so_far)


def sums(charged: Sequence[Fee], costs: Sequence[tuple[Decimal, ...]]) -> list[Decimal]:
    """What each fee comes to over several fills."""
    return [sum((each[n] for each in costs), ZERO) for n in range(len(charged))]


def _so_far(one: Tree, row: ExecutionOrder, charged: Sequence[Fee]) -> list[Decimal]:
    """What each of these fees has cost already, replayed fill by fill: over its own execution
    order's fills (F44), or over those of all execution orders without fees of their own."""
    rows = {other.id: other for other in one.execution_orders}
    own = bool(row.fees)

    def counts(fill: Execution) -> bool:
        other = rows.get(fill.execution_order_id)
        return fill.execution_order_id == row.id if own else not (other and other.fees)

    cost, live = replay(one.order, charged, [fill for fill in _history(one) if counts(fill)])
    return sums(charged, [cost[fill.id] for fill in live])


def _each(
    order: Order,
    charged: Sequence[Fee],
    qty: Decimal,
    price: Decimal,
    principal: Decimal,
    settlement_date: date,
    so_far: Sequence[Decimal],
) -> tuple[Decimal, ...]:
    facts = instruments.by_id(order.instrument_id)
    traded = Traded(bond=facts.bond, price=price, settlement_date=settlement_date, side=order.side)
    each: list[Decimal] = []
    for fee, before in zip(charged, so_far, strict=True):
        try:
            cost = fees.charge(
                [fee], qty=qty, principal=principal, so_far=[before], traded=traded
            ).total
        except OmsError as error:
            log.warning("order %s: a fee is not charged: %s", order.id, error.message)
            cost = ZERO
        each.append(cost)
    return tuple(each)


def _history(one: Tree) -> list[Execution]:
    """All executions of the order, the ones of this unit included."""
    if one.stored is None:
        one.stored = list(Execution.objects.filter(order_id=one.order.id).order_by("sequence"))
    return [*one.stored, *one.applied]
