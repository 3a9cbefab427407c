"""What standing fills cost and what the schedule says they do, where a cap was freed by a bust.

A cap is counted fill by fill and executions never change, so what a bust frees of it is charged by
nobody. Reads only; `fee_breaks` keeps what is found. Rule: docs/reference/residual-rule.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple

from allocations import fees
from allocations.fees import Fee
from oms_site.kit.numbers import largest_remainder
from orders import charges
from orders.models import Execution, ExecutionOrder, Order

ZERO = Decimal("0.00")
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One scope of a cap: the order, or an execution order with fees of its own.

    `due` is None where today's schedule does not give what was charged as the fills came: it has
    changed since. `by_fill` is what each standing fill would cost more, in the order they came.
    """

    key: str
    schedule: Sequence[Mapping[str, Any]]
    charged: Decimal
    due: Decimal | None
    by_fill: Mapping[str, Decimal]

    @property
    def difference(self) -> Decimal:
        """What the standing fills are charged too little; below zero: too much."""
        return ZERO if self.due is None else self.due - self.charged


class Piece(NamedTuple):
    """What one account got of some fills."""

    account_id: str
    fills: Sequence[str]
    qty: Decimal


def of(
    order: Order, rows: Iterable[ExecutionOrder], executed: Sequence[Execution]
) -> Iterator[Gap]:
    """The scopes of an order in which a cap was freed, each with what it comes to.

    `executed` are all executions of the order, as they came.
    """
    own = {row.id: row for row in rows if row.fees}
    scopes: dict[str, list[Execution]] = {}
    for fill in executed:
        key = fill.execution_order_id if fill.execution_order_id in own else order.id
        scopes.setdefault(key, []).append(fill)
    for key, fills in scopes.items():
        if any(fill.qty < 0 for fill in fills):
            given = charges.given(order, own.get(key))
            charged = fees.parse(given)
            if any(fee.max_fee_amount is not None for fee in charged):
                yield _gap(order, key, given, charged, fills)


def _gap(
    order: Order,
    key: str,
    given: Sequence[Mapping[str, Any]],
    charged: Sequence[Fee],
    fills: Sequence[Execution],
) -> Gap:
    cost, live = charges.replay(order, charged, fills)
    so_far = charges.sums(charged, [])
    by_fill: dict[str, Decimal] = {}
    due = ZERO
    for fill in live:
        each = charges.cost_of(order, charged, fill, so_far)
        so_far = [before + now for before, now in zip(so_far, each, strict=True)]
        by_fill[fill.id] = sum(each, ZERO) - fill.fees
        due += sum(each, ZERO)
    standing = charges.standing(fills)
    as_charged = all(
        sum(cost[fill.id], ZERO) == fill.fees for fill in fills if fill.qty > 0
    ) and len(standing) == len(live)
    return Gap(
        key=key,
        schedule=[dict(one) for one in given],
        charged=sum((fill.fees for fill in standing), ZERO),
        due=due if as_charged else None,
        by_fill=by_fill if as_charged else {},
    )


def by_account(gap: Gap, pieces: Sequence[Piece], *, rest: str) -> dict[str, Decimal]:
    """The difference of a scope over the accounts, to the cent; it adds up to it exactly.

    In proportion to what each fill would cost more, and of a fill to what each account got of it:
    rounded down to the cent, the missing cents to the largest remainders; ties to the larger part,
    then to the earlier of `pieces`. What of it nobody has got stays with `rest`.
    """
    if not gap.difference:
        return {}
    sign = 1 if gap.difference > 0 else -1
    got: dict[str, Decimal] = {}
    for piece in pieces:
        for fill in piece.fills:
            got[fill] = got.get(fill, Decimal(0)) + piece.qty
    parts: dict[str, Fraction] = {}
    for fill, more in gap.by_fill.items():
        if more * sign <= 0:
            continue
        mine = [piece for piece in pieces if fill in piece.fills]
        whole = Fraction(abs(more))
        shares = [(one.account_id, whole * Fraction(one.qty) / Fraction(got[fill])) for one in mine]
        for account_id, share in shares or [(rest, whole)]:
            parts[account_id] = parts.get(account_id, Fraction(0)) + share
    split = largest_remainder(gap.difference, _whole(parts.values()), quantum=_CENT)
    return {name: amount for name, amount in zip(parts, split, strict=True) if amount}


def _whole(parts: Collection[Fraction]) -> list[Decimal]:
    """The same proportions in whole numbers: decimals would round a third."""
    scale = lcm(*(part.denominator for part in parts))
    return [Decimal(int(part * scale)) for part in parts]
