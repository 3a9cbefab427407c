"""Our bookings and positions at a custodian against its own lists (P03, P11)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.db.models import Q

from allocations.custodians.port import CustodianBooking, CustodianPosition
from allocations.models import Account, BookingLeg
from allocations.states import LegStatus
from oms_site.kit import numbers
from orders.breaks import HOUSE
from orders.reconciling.differences import Comparison, compare, younger_than
from venues import instruments

_OPEN = frozenset({LegStatus.QUEUED, LegStatus.SENT, LegStatus.FAILED})
_NEVER = frozenset({LegStatus.CANCELED, LegStatus.REJECTED, LegStatus.ELSEWHERE})


def run(
    custodian_id: str,
    *,
    booked: Sequence[CustodianBooking],
    positions: Sequence[CustodianPosition],
    day: date,
    grace: datetime,
) -> Comparison:
    """Compare what was booked of one day's trades, and positions at the end of that day."""
    legs = _legs(custodian_id, day, {one.key for one in booked})
    bookings = _bookings([leg for leg in legs if leg.trade_date == day], booked, grace)
    known = {leg.id for leg in legs}
    holdings = _positions(_held(custodian_id, day), positions, booked, known, grace)
    return Comparison(bookings.compared + holdings.compared, [*bookings.found, *holdings.found])


def _legs(custodian_id: str, day: date, keys: set[str]) -> list[BookingLeg]:
    """The legs of one day, and those that they name."""
    rows = BookingLeg.objects.filter(Q(trade_date=day) | Q(id__in=keys), custodian_id=custodian_id)
    rows = rows.exclude(status__in=_NEVER).order_by("id")
    return list(rows.select_related("allocation", "account_allocation__account", "booked_account"))


_HELD = """
SELECT coalesce(b.code, a.code), i.cusip, l.organization_id,
    bool_or(l.status = ANY(%(open)s)),
    coalesce(sum(CASE WHEN (c.side = 'buy') = (l.reverses_id IS NULL) THEN l.qty ELSE -l.qty END)
        FILTER (WHERE l.status <> ALL(%(open)s)), 0)
FROM allocations_bookingleg l JOIN allocations_allocation c ON c.id = l.allocation_id
JOIN allocations_accountallocation p ON p.id = l.account_allocation_id
JOIN allocations_account a ON a.id = p.account_id
JOIN venues_instrument i ON i.id = c.instrument_id
LEFT JOIN allocations_account b ON b.id = l.booked_account_id
WHERE l.custodian_id = %(custodian)s AND l.trade_date <= %(day)s AND l.status <> ALL(%(never)s)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class _Held(NamedTuple):
    """What one account was booked of one security, all days together."""

    key: str
    organization_id: str
    is_under_way: bool
    qty: Decimal


def _held(custodian_id: str, day: date) -> list[_Held]:
    """Holdings as our bookings make them: added up where they lie, one row for each."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HELD,
            {
                "custodian": custodian_id,
                "day": day,
                "open": sorted(status.value for status in _OPEN),
                "never": sorted(status.value for status in _NEVER),
            },
        )
        return [_Held(f"{row[0]}/{row[1]}", *row[2:]) for row in cursor.fetchall()]


def _bookings(
    legs: Sequence[BookingLeg], booked: Sequence[CustodianBooking], grace: datetime
) -> Comparison:
    theirs = {one.key: one for one in booked}
    # What waits for an answer may be there or not: only what is there is compared.
    ours = {leg.id: _as_theirs(leg) for leg in legs if leg.status not in _OPEN or leg.id in theirs}
    names = {leg.id: (leg.organization_id, leg.allocation.order_id) for leg in legs}
    waiting = {leg.id for leg in legs if leg.status in _OPEN}
    return compare(
        ours,
        theirs,
        name="booking",
        shown=lambda one: {
            "account": one.account,
            "cusip": one.cusip,
            "side": "buy" if one.side == "1" else "sell",
            "qty": numbers.plain(one.qty),
            "net_money": numbers.plain(one.net_money),
            # The reference of what waits is not known here yet, which is no difference.
            "booking_ref": "" if one.key in waiting else one.booking_ref,
        },
        told=lambda key: names[key] if key in names else (_owner(theirs[key].account), ""),
        fresh=lambda one: younger_than(one.booked_at, grace),
    )


def _as_theirs(leg: BookingLeg) -> CustodianBooking:
    buys = (leg.allocation.side == "buy") == (leg.reverses_id is None)
    return CustodianBooking(
        key=leg.id,
        booking_ref=leg.booking_ref,
        account=_account(leg).code,
        cusip=instruments.by_id(leg.allocation.instrument_id).cusip,
        side="1" if buys else "2",
        qty=leg.qty,
        net_money=leg.net_money,
    )


def _account(leg: BookingLeg) -> Account:
    return leg.booked_account or leg.account_allocation.account


def _owner(code: str) -> str:
    owners = list(Account.objects.filter(code=code).values_list("organization_id", flat=True)[:2])
    return owners[0] if len(owners) == 1 else HOUSE


def _positions(
    ours: Sequence[_Held],
    positions: Sequence[CustodianPosition],
    booked: Sequence[CustodianBooking],
    known: set[str],
    grace: datetime,
) -> Comparison:
    """Holdings by account and security. What has a leg under way is not compared today."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    unsettled = {one.key for one in ours if one.is_under_way}
    owners = {one.key: one.organization_id for one in ours}
    for one in ours:
        held[one.key] += one.qty
    unsettled |= {
        f"{one.account}/{one.cusip}"
        for one in booked
        if one.key not in known and younger_than(one.booked_at, grace)
    }
    theirs = {f"{one.account}/{one.cusip}": one.qty for one in positions}
    return compare(
        {key: qty for key, qty in held.items() if key not in unsettled and (qty or key in theirs)},
        {key: qty for key, qty in theirs.items() if key not in unsettled},
        name="position",
        shown=lambda qty: {"qty": numbers.plain(qty)},
        told=lambda key: (owners.get(key) or _owner(key.partition("/")[0]), ""),
        fresh=lambda qty: False,
    )
