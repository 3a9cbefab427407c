"""Our orders and fills at a venue against the venue's drop copy (P01, P02)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from oms_site.kit import numbers
from orders import charges
from orders.breaks import HOUSE
from orders.models import Execution, VenueOrder
from orders.reconciling.differences import Comparison, compare, younger_than
from orders.states import VENUE_TERMINAL
from venues.drop_copy import DropCopy, TheirOrder, TheirTrade

Told = Callable[[str], tuple[str, str]]


def run(venue_id: str, copy: DropCopy, *, grace: datetime) -> Comparison:
    """Compare one session; what happened after `grace` is in flight and not missed."""
    rows = {row.id: row for row in VenueOrder.objects.filter(venue_id=venue_id)}

    def told(cl_ord_id: str) -> tuple[str, str]:
        row = rows.get(cl_ord_id)
        return (HOUSE, "") if row is None else (row.organization_id, row.order_id)

    orders = _orders(rows, copy, told, grace)
    trades = _trades(venue_id, copy, told, grace)
    return Comparison(orders.compared + trades.compared, [*orders.found, *trades.found])


def _orders(
    rows: Mapping[str, VenueOrder], copy: DropCopy, told: Told, grace: datetime
) -> Comparison:
    ours = {
        key: TheirOrder(
            cl_ord_id=key,
            cum_qty=row.cum_qty,
            is_open=row.status not in {s.value for s in VENUE_TERMINAL},
            at=max(row.created_at, row.last_report_at or row.created_at),
        )
        for key, row in rows.items()
    }
    theirs = {one.cl_ord_id: one for one in copy.orders}
    return compare(
        ours,
        theirs,
        name="venue_order",
        shown=lambda one: {
            "cum_qty": _plain(one.cum_qty),
            "state": "open" if one.is_open else "ended",
        },
        told=told,
        fresh=lambda one: younger_than(one.at, grace),
    )


def _trades(venue_id: str, copy: DropCopy, told: Told, grace: datetime) -> Comparison:
    rows = Execution.objects.filter(source=venue_id).order_by("order_id", "sequence")
    by_order: dict[str, list[Execution]] = {}
    for fill in rows:
        by_order.setdefault(fill.order_id, []).append(fill)
    ours: dict[str, TheirTrade] = {}
    for fills in by_order.values():
        for fill in charges.standing(fills):
            # A correction stands in for the trade that it corrects, under that one's first id.
            key = fill.exec_ref_id or fill.exec_id
            ours[_first(key, fills)] = TheirTrade(
                exec_id=key,
                cl_ord_id=fill.venue_order_id or "",
                qty=fill.qty,
                price=fill.price,
                trade_date=fill.trade_date,
                at=fill.received_at,
            )
    theirs = {one.exec_id: one for one in copy.trades}
    owner = {key: one.cl_ord_id for key, one in {**theirs, **ours}.items()}
    return compare(
        ours,
        theirs,
        name="venue_fill",
        shown=lambda one: {"qty": _plain(one.qty), "price": _plain(one.price)},
        told=lambda key: told(owner[key]),
        fresh=lambda one: younger_than(one.at, grace),
    )


def _first(exec_id: str, fills: list[Execution]) -> str:
    """The id under which a trade was first reported, through chained corrections."""
    refers = {fill.exec_id.rstrip("+"): fill.exec_ref_id for fill in fills if fill.exec_ref_id}
    seen = {exec_id}
    while refers.get(exec_id) and refers[exec_id] not in seen:
        exec_id = refers[exec_id]
        seen.add(exec_id)
    return exec_id


def _plain(value: Decimal) -> str:
    return numbers.plain(value)
