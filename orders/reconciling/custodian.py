"""Our bookings and positions at a custodian against its own lists (P03, P11)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from allocations.custodians.port import CustodianBooking, CustodianPosition
from allocations.models import Account, BookingLeg
from allocations.states import LegStatus
from oms_site.kit import numbers
from orders.breaks import HOUSE
from orders.reconciling.differences import Comparison, compare, younger_than
from venues import instruments

_OPEN = frozenset({LegStatus.QUEUED, LegStatus.SENT, LegStatus.FAILED})


def run(
    custodian_id: str,
    *,
    booked: Sequence[CustodianBooking],
    positions: Sequence[CustodianPosition],
    day: date,
    grace: datetime,
) -> Comparison:
    """Compare what was booked of one day's trades, and positions at the end of that day."""
    legs = _legs(custodian_id)
    bookings = _bookings([leg for leg in legs if leg.trade_date == day], booked, grace)
    holdings = _positions([leg for leg in legs if leg.trade_date <= day], positions, booked, grace)
    return Comparison(bookings.compared + holdings.compared, [*bookings.found, *holdings.found])


def _legs(custodian_id: str) -> list[BookingLeg]:
    rows = BookingLeg.objects.filter(custodian_id=custodian_id).exclude(
        status__in=[LegStatus.CANCELED, LegStatus.REJECTED]
    )
    return list(rows.select_related("allocation", "account_allocation__account", "booked_account"))


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
        told=lambda key: names.get(key, (_owner(theirs[key].account), "")),
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
    legs: Sequence[BookingLeg],
    positions: Sequence[CustodianPosition],
    booked: Sequence[CustodianBooking],
    grace: datetime,
) -> Comparison:
    """Holdings by account and security. What has a leg under way is not compared today."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    unsettled: set[str] = set()
    orders: dict[str, tuple[str, str]] = {}
    for leg in legs:
        one = _as_theirs(leg)
        key = f"{one.account}/{one.cusip}"
        orders[key] = (leg.organization_id, "")
        if leg.status in _OPEN:
            unsettled.add(key)
        else:
            held[key] += one.qty if one.side == "1" else -one.qty
    known = {leg.id for leg in legs}
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
        told=lambda key: orders.get(key, (_owner(key.partition("/")[0]), "")),
        fresh=lambda qty: False,
    )
