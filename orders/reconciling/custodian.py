"""Our books at a custodian against its own lists and its statement (P03, P11).

Our side is read before and after the custodian is asked: what moved meanwhile is no difference.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from allocations.accounts import called_outside
from allocations.custodians.port import Custodian, CustodianBooking, CustodianStatement
from allocations.models import Account, BookingLeg, SettlementInstruction
from oms_site.kit import numbers
from orders.breaks import HOUSE
from orders.reconciling import standing, statements
from orders.reconciling.differences import Comparison, compare, younger_than
from orders.reconciling.standing import NEVER, OPEN, Standing
from venues import instruments

# What is kept apart on the board; all of a custodian is asked at once.
BOOKED, SETTLED, CASH = "custodian", "settled", "cash"
PARTS = (BOOKED, SETTLED, CASH)


class Ours(NamedTuple):
    """Our books before the custodian was asked: how they stood, and which legs were booked."""

    standing: Standing
    booked: frozenset[str]


def run(
    custodian_id: str, custodian: Custodian, *, day: date, look_back: int, grace: datetime
) -> dict[str, Comparison]:
    """Compare bookings of every trade date that can still change, and the statement of one day.

    Raises `CustodianError` where the custodian does not answer: then nothing of it is known.
    """
    dates = window(custodian_id, day=day, look_back=look_back)
    before = ours(custodian_id, dates, day=day)
    booked = custodian.bookings(trade_dates=dates)
    made = custodian.statement(as_of=day)
    return compared(custodian_id, before, booked, made, dates=dates, day=day, grace=grace)


def window(custodian_id: str, *, day: date, look_back: int) -> list[date]:
    """The trade dates that can still change: the last days, and those of what has not settled."""
    dates = {day - timedelta(days=n) for n in range(look_back + 1)}
    legs = BookingLeg.objects.filter(custodian_id=custodian_id)
    unsettled = SettlementInstruction.objects.filter(custodian_id=custodian_id, closed_at=None)
    waiting = legs.filter(Q(status__in=OPEN) | Q(id__in=unsettled.values("leg_id")))
    dates |= set(waiting.order_by().values_list("trade_date", flat=True).distinct())
    return sorted(dates)


def ours(custodian_id: str, dates: Collection[date], *, day: date) -> Ours:
    """Our side as it is now."""
    legs = BookingLeg.objects.filter(custodian_id=custodian_id, trade_date__in=dates)
    booked = legs.exclude(status__in=[*OPEN, *NEVER]).values_list("id", flat=True)
    return Ours(standing.of(custodian_id, day=day), frozenset(booked))


def compared(
    custodian_id: str,
    before: Ours,
    booked: Sequence[CustodianBooking],
    made: CustodianStatement,
    *,
    dates: Collection[date],
    day: date,
    grace: datetime,
) -> dict[str, Comparison]:
    """What came of asking: bookings with positions, what has settled, and money."""
    legs = _legs(custodian_id, dates, {one.key for one in booked})
    bookings = _bookings(legs, booked, before.booked, grace)
    after, known = standing.of(custodian_id, day=day), {leg.id for leg in legs}

    def told(key: str) -> tuple[str, str]:
        line = after.securities.get(key) or after.money.get(key)
        owner = line.organization_id if line else ""
        return owner or _owner(key.partition("/")[0]), ""

    fresh = {
        f"{one.account}/{one.cusip}"
        for one in booked
        if one.key not in known and younger_than(one.booked_at, grace)
    }
    held = statements.positions(before.standing, after, made, told=told, fresh=fresh)
    found = {
        BOOKED: Comparison(
            bookings.compared + held.compared,
            [*bookings.found, *held.found],
            under_way=held.under_way,
        ),
        SETTLED: statements.settled(before.standing, after, made, told=told),
        CASH: statements.cash(before.standing, after, made, told=told),
    }
    for one in found.values():
        one.about = {"as_of": str(made.as_of), "stated_at": made.at.isoformat()}
    return found


def _legs(custodian_id: str, dates: Collection[date], keys: set[str]) -> list[BookingLeg]:
    """The legs of these days, and those that the custodian names."""
    asked = Q(trade_date__in=dates) | Q(id__in=keys)
    rows = BookingLeg.objects.filter(asked, custodian_id=custodian_id)
    rows = rows.exclude(status__in=NEVER).order_by("id")
    return list(rows.select_related("allocation", "account_allocation"))


def _bookings(
    legs: Sequence[BookingLeg],
    booked: Sequence[CustodianBooking],
    before: frozenset[str],
    grace: datetime,
) -> Comparison:
    theirs = {one.key: one for one in booked}
    # What waits for an answer, or was booked while they answered, may be in their list or not:
    # only what is there is compared.
    ours = {leg.id: _as_theirs(leg) for leg in legs if leg.id in before or leg.id in theirs}
    names = {leg.id: (leg.organization_id, leg.allocation.order_id) for leg in legs}
    waiting = {leg.id for leg in legs if leg.status in OPEN}
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
        account=called_outside(leg.organization_id, _account_id(leg)),
        cusip=instruments.by_id(leg.allocation.instrument_id).cusip,
        side="1" if buys else "2",
        qty=leg.qty,
        net_money=leg.net_money,
    )


def _account_id(leg: BookingLeg) -> str:
    return leg.booked_account_id or leg.account_allocation.account_id


def _owner(code: str) -> str:
    owners = list(Account.objects.filter(code=code).values_list("organization_id", flat=True)[:2])
    return owners[0] if len(owners) == 1 else HOUSE
