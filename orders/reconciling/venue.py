"""Our orders and fills at a venue against the venue's drop copy (P01, P02)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from oms_site.kit import numbers
from orders import charges
from orders.breaks import HOUSE
from orders.models import Execution, ExternalFill, ExternalOrder, ReplaceLeg, VenueOrder
from orders.reconciling.differences import Comparison, compare, younger_than
from orders.states import VENUE_TERMINAL
from venues import transmission
from venues.drop_copy import DropCopy, TheirOrder, TheirTrade

Told = Callable[[str], tuple[str, str]]
MISSING = "venue_fill_not_here"
_LEGS = ("vr_", "vx_")  # what the ids of replacements' legs begin with


def run(
    venue_id: str, copy: DropCopy, *, grace: datetime, since: datetime | None = None
) -> Comparison:
    """Compare one session; what happened after `grace` is in flight and not missed.

    With `since`, only what moved after it on either side, or still lives here, is compared: what
    is older was compared before. What is read grows with the window, not with the years.
    """
    copy = _by_first(venue_id, copy)
    rows = _without_withheld(_ours(venue_id, copy, since), copy)

    def told(cl_ord_id: str) -> tuple[str, str]:
        row = rows.get(cl_ord_id)
        return (HOUSE, "") if row is None else (row.organization_id, row.order_id)

    theirs = _without_external(venue_id, _in_window(copy, rows, since))
    orders = _orders(rows, theirs, told, grace)
    trades = _trades(venue_id, rows, theirs, told, grace)
    return Comparison(orders.compared + trades.compared, [*orders.found, *trades.found])


def _by_first(venue_id: str, copy: DropCopy) -> DropCopy:
    """The copy by the first ClOrdIDs of our orders: one that was replaced has an id for each terms.

    Of an order that is told of under several, what was said of it last stands.
    """
    named = {one.cl_ord_id for one in copy.orders} | {one.cl_ord_id for one in copy.trades}
    asked = sorted(name for name in named if name.startswith(_LEGS))
    if not asked:
        return copy
    legs = ReplaceLeg.objects.filter(id__in=asked, venue_order__venue_id=venue_id)
    first = dict(legs.values_list("id", "venue_order_id"))
    orders: dict[str, TheirOrder] = {}
    for one in copy.orders:
        key = first.get(one.cl_ord_id, one.cl_ord_id)
        was = orders.get(key)
        if was is None or one.at is None or (was.at is not None and one.at >= was.at):
            orders[key] = replace(one, cl_ord_id=key)
    trades = (
        replace(one, cl_ord_id=first.get(one.cl_ord_id, one.cl_ord_id)) for one in copy.trades
    )
    return DropCopy(tuple(orders.values()), tuple(trades))


def _ours(venue_id: str, copy: DropCopy, since: datetime | None) -> dict[str, VenueOrder]:
    """Our orders there: those in the window, those that live, and those that they tell of in it."""
    mine = VenueOrder.objects.filter(venue_id=venue_id)
    if since is not None:
        named = {one.cl_ord_id for one in copy.orders if _is_in(one.at, since)}
        named |= {one.cl_ord_id for one in copy.trades if _is_in(one.at, since)}
        recent = Q(created_at__gte=since) | Q(last_report_at__gte=since) | Q(id__in=named)
        mine = mine.filter(recent | ~Q(status__in=[s.value for s in VENUE_TERMINAL]))
    return {row.id: row for row in mine.order_by("id").iterator()}


def _without_withheld(rows: dict[str, VenueOrder], copy: DropCopy) -> dict[str, VenueOrder]:
    """Leave out what ended before it was ever sent, and of which they say nothing either."""
    named = {one.cl_ord_id for one in copy.orders}
    ended = [
        key
        for key, row in rows.items()
        if key not in named and not row.cum_qty and row.status in VENUE_TERMINAL
    ]
    withheld = transmission.withheld(ended)
    return {key: row for key, row in rows.items() if key not in withheld}


def _in_window(copy: DropCopy, rows: Mapping[str, VenueOrder], since: datetime | None) -> DropCopy:
    if since is None:
        return copy
    orders = [one for one in copy.orders if one.cl_ord_id in rows or _is_in(one.at, since)]
    trades = [one for one in copy.trades if one.cl_ord_id in rows or _is_in(one.at, since)]
    return DropCopy(tuple(orders), tuple(trades))


def _without_external(venue_id: str, copy: DropCopy) -> DropCopy:
    """Leave out what lies in suspense here, or was adopted or disowned, and agrees with theirs."""
    named = [one.cl_ord_id for one in copy.orders]
    kept = ExternalOrder.objects.filter(venue_id=venue_id, cl_ord_id__in=named)
    known = dict(kept.values_list("cl_ord_id", "cum_qty"))
    if not known:
        return copy
    fills = ExternalFill.objects.filter(venue_id=venue_id, external__cl_ord_id__in=known)
    told = set(fills.values_list("exec_id", flat=True))
    orders = [one for one in copy.orders if known.get(one.cl_ord_id) != one.cum_qty]
    trades = [one for one in copy.trades if one.cl_ord_id not in known or one.exec_id not in told]
    return DropCopy(tuple(orders), tuple(trades))


def _is_in(at: datetime | None, since: datetime) -> bool:
    """What has no time may have happened now."""
    return at is None or at >= since


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


def _trades(
    venue_id: str, rows: Mapping[str, VenueOrder], copy: DropCopy, told: Told, grace: datetime
) -> Comparison:
    # All fills of the orders in question: a correction may be of a trade of long ago.
    mine = Execution.objects.filter(
        source=venue_id, order_id__in={row.order_id for row in rows.values()}
    )
    by_order: dict[str, list[Execution]] = {}
    for fill in mine.order_by("order_id", "sequence").iterator():
        by_order.setdefault(fill.order_id, []).append(fill)
    ours: dict[str, TheirTrade] = {}
    for fills in by_order.values():
        for fill in charges.standing(fills):
            if (fill.venue_order_id or "") not in rows:
                continue  # of a part of the same order that was compared before
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
    made = compare(
        ours,
        theirs,
        name="venue_fill",
        shown=lambda one: {"qty": _plain(one.qty), "price": _plain(one.price)},
        told=lambda key: told(owner[key]),
        fresh=lambda one: younger_than(one.at, grace),
    )
    made.found = [
        replace(one, fill=theirs[one.key]) if one.kind == MISSING else one for one in made.found
    ]
    return made


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
