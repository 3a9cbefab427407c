"""Breaks about fees: opened where a bust left fills charged otherwise than by their schedule.

Looked at with every split of an order's fills, under the order's lock, so what a break comes to
follows later fills. What two people have charged or accepted counts as settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocations.holdings import suspense, views
from oms_site.journal.unit import Unit
from orders import breaks, fee_gaps
from orders.fee_entries import KIND
from orders.fee_gaps import Gap, Piece
from orders.models import Break, Execution, ExecutionOrder, Order
from venues import instruments

ZERO = Decimal("0.00")
CHANGED = "The schedule does not give what was charged: it has changed since."


def look(
    work: Unit,
    order: Order,
    executed: Sequence[Execution],
    pieces: Sequence[Piece],
    *,
    at: datetime,
) -> None:
    """Open what differs, and bring open breaks of this order to what they come to now.

    `pieces` say whose the standing fills are.
    """
    if not any(fill.qty < 0 for fill in executed):
        return
    rows = ExecutionOrder.objects.filter(order_id=order.id)
    for gap in fee_gaps.of(order, rows, executed):
        _keep(work, order, gap, pieces, at=at)


def settled(organization_id: str, key: str) -> dict[str, Decimal]:
    """What closed breaks of a scope came to, by account: charged, given back, or accepted."""
    found: dict[str, Decimal] = {}
    for figures in _closed(organization_id, key):
        for one in figures.get("accounts", ()):
            before = found.get(one["account_id"], ZERO)
            found[one["account_id"]] = before + Decimal(one["amount"])
    return found


def _closed(organization_id: str, key: str) -> list[Mapping[str, Any]]:
    rows = Break.objects.filter(organization_id=organization_id, kind=KIND, key=key)
    told = rows.exclude(closed_at=None).order_by("closed_at", "id")
    return [figures for figures in told.values_list("figures", flat=True) if figures]


def _keep(work: Unit, order: Order, gap: Gap, pieces: Sequence[Piece], *, at: datetime) -> None:
    named = Break.objects.filter(
        organization_id=order.organization_id, kind=KIND, key=gap.key, closed_at=None
    )
    known = work.lock(Break, named.values_list("id", flat=True))
    # Asked once nobody can close it any more: what two people have just charged is settled.
    figures = _figures(order, gap, pieces)
    for row in known.values():
        if row.closed_at is None:
            breaks.follow(work, row, figures, at=at)
            return
    if _is_open(order, gap, figures):
        breaks.open(
            work,
            kind=KIND,
            key=gap.key,
            evidence={**figures, "schedule": gap.schedule},
            figures=figures,
            at=at,
            organization_id=order.organization_id,
            order_id=order.id,
        )


def _is_open(order: Order, gap: Gap, figures: Mapping[str, Any]) -> bool:
    if gap.due is None:
        return figures not in _closed(order.organization_id, gap.key)
    return bool(figures["accounts"])


def _figures(order: Order, gap: Gap, pieces: Sequence[Piece]) -> dict[str, Any]:
    """What a scope comes to, as texts: JSON keeps no cents."""
    organization = order.organization_id
    common = {
        "currency": instruments.by_id(order.instrument_id).currency,
        "charged": str(gap.charged),
    }
    if gap.due is None:
        nothing: dict[str, Any] = {"due": None, "difference": None, "accounts": []}
        return {**common, **nothing, "why": CHANGED}
    rest = order.account_id or suspense(organization)
    before = settled(organization, gap.key)
    found = fee_gaps.by_account(gap, pieces, rest=rest)
    left = {name: found.get(name, ZERO) - before.get(name, ZERO) for name in [*found, *before]}
    done = sum(before.values(), ZERO)
    return {
        **common,
        "due": str(gap.due),
        "settled": str(done),
        "difference": str(gap.difference - done),
        "accounts": [
            {
                "account_id": name,
                "account": views.code_of(organization, name),
                "amount": str(amount),
            }
            for name, amount in left.items()
            if amount
        ],
    }
