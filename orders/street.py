"""Turns executions into trades for clearing: that room never sees an order.

Driven by the queue that the database fills with every execution whose street side is ours. A
correction is a bust and a new trade here; the street hears of one replacement.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from allocations.clearing import dues, making, rounds
from allocations.clearing.making import Trade
from allocations.holdings import ledger
from allocations.models import ClearingDue, ClearingReport
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
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
    """Make the reports that up to `limit` executions ask for; returns how many were looked at.

    One that cannot be told is put off, with what takes it back, and has a break; the others go on.
    """
    return draining.safely(partial(_drain, limit), lambda key: _drain(1, [], key), aside=_put_off)


def _put_off(key: int, error: Exception) -> None:
    rows = Execution.objects.filter(
        id__in=ClearingDue.objects.filter(pk=key).values("execution_id")
    )
    draining.tell(
        "clear", key, error, order_id=rows.values_list("order_id", flat=True).first() or ""
    )
    dues.postpone([key], until=clock.now() + draining.AGAIN)


def _drain(limit: int, taken: list[int], only: int | None = None) -> int:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        # One at a time: what takes a trade back is looked at after the trade itself.
        ledger.serialize("clearing")
        generation.check()
        due = dues.take(at=at, limit=limit, only=only)
        if not due:
            return 0
        taken += [one.pk for one in due]
        trades = _trades([one.execution_id for one in due])
        named = {trade.execution_id for trade in trades} | {trade.refers_to for trade in trades}
        reports = making.known(named - {""})
        early = _too_early(trades, reports, {one.execution_id for one in due})
        for trade in trades:
            if trade.execution_id not in early:
                making.report(work, trade, reports, at=at)
        dues.close([one for one in due if one.execution_id not in early])
        if early:
            late = [one.pk for one in due if one.execution_id in early]
            dues.postpone(late, until=at + draining.AGAIN)
    return len(due)


def _too_early(
    trades: Sequence[Trade], reports: dict[str, list[ClearingReport]], taken: set[str]
) -> set[str]:
    """The executions of these that take back what itself is still to be looked at."""
    former = {t.refers_to for t in trades if t.refers_to} - set(reports) - taken
    unseen = dues.waiting(former) if former else set()
    early = set[str]()
    for trade in trades:
        if trade.refers_to in unseen | early:
            early.add(trade.execution_id)
    return early


def counterparties(execution_ids: Collection[str]) -> dict[str, str]:
    """The broker of each of these executions, else the venue where it was dealt: one query."""
    rows = Execution.objects.filter(id__in=list(execution_ids)).order_by()
    named = rows.values_list("id", "counterparty", "source")
    return {execution_id: broker or venue for execution_id, broker, venue in named}


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
