"""Turns executions into trades for clearing: that room never sees an order.

Driven by the queue that the database fills with every execution whose street side is ours. A
correction is a bust and a new trade here; the street hears of one replacement.
"""

from __future__ import annotations

from collections.abc import Sequence

from allocations.clearing import dues, making, rounds
from allocations.clearing.making import Trade
from allocations.holdings import ledger
from oms_site.firm import generation
from oms_site.journal import actors, unit
from oms_site.kit import clock
from orders.models import Execution, Order
from venues import registry

_by = actors.system("clearing")


def run() -> int:
    """Queue what new executions ask for, and tell every party what is due; how much was done."""
    done = 0
    while made := drain():
        done += made
    return done + rounds.run()


def drain(*, limit: int = 200) -> int:
    """Make the reports that up to `limit` executions ask for; returns how many were looked at."""
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        # One at a time: what takes a trade back is looked at after the trade itself.
        ledger.serialize("clearing")
        generation.check()
        due = dues.take(at=at, limit=limit)
        if not due:
            return 0
        trades = _trades([one.execution_id for one in due])
        named = {trade.execution_id for trade in trades} | {trade.refers_to for trade in trades}
        reports = making.known(named - {""})
        for trade in trades:
            making.report(work, trade, reports, at=at)
        dues.close(due)
    return len(due)


def _trades(execution_ids: Sequence[str]) -> list[Trade]:
    """What is to be told of these executions, in the order in which they happened."""
    rows = Execution.objects.filter(id__in=execution_ids)
    orders = Order.objects.in_bulk(sorted({row.order_id for row in rows}))
    fills: dict[str, list[Execution]] = {}
    for fill in Execution.objects.filter(order_id__in=orders).order_by("order_id", "sequence"):
        fills.setdefault(fill.order_id, []).append(fill)
    wanted, found = set(execution_ids), list[Trade]()
    for order_id, all_of_order in fills.items():
        for fill in all_of_order:
            if fill.id in wanted and not _is_internal(fill):
                trade = _trade(orders[order_id], fill, all_of_order)
                if trade is not None:
                    found.append(trade)
    return found


def _is_internal(fill: Execution) -> bool:
    """Two orders of one firm that traded with each other: the street has nothing to clear."""
    venue = registry.find(fill.source)
    return venue is not None and venue.internal


def _trade(order: Order, fill: Execution, fills: Sequence[Execution]) -> Trade | None:
    """One execution for the street; None for the half of a correction that its other half tells."""
    former = _taken_back(fill, fills)
    is_bust = fill.qty < 0
    if is_bust and (former is None or _corrected(fill, fills)):
        return None
    copied = (
        *("organization_id", "order_id", "exec_id", "counterparty", "qty", "price", "principal"),
        *("accrued_interest", "trade_date", "settlement_date"),
    )
    return Trade(
        execution_id=fill.id,
        instrument_id=order.instrument_id,
        venue=fill.source,
        side=order.side,
        refers_to=former.id if former is not None else "",
        is_bust=is_bust,
        **{name: getattr(fill, name) for name in copied},
    )


def _taken_back(fill: Execution, fills: Sequence[Execution]) -> Execution | None:
    """The execution that a bust or correction stands against; corrections chain to the latest."""
    if fill.kind == Execution.Kind.TRADE:
        return None
    names = {fill.exec_ref_id, f"{fill.exec_ref_id}+"}
    before = [
        one
        for one in fills
        if one.qty > 0
        and one.exec_id in names
        and one.source == fill.source
        and one.sequence < fill.sequence
    ]
    return before[-1] if before else None


def _corrected(bust: Execution, fills: Sequence[Execution]) -> bool:
    return any(
        one.kind == Execution.Kind.CORRECTION
        and one.exec_id == f"{bust.exec_id}+"
        and one.trade_date == bust.trade_date
        for one in fills
    )
