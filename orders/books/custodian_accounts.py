"""The custodians' own account: every booked leg is in their journals once, and nothing else is.

Reads the simulated custodians' journals, which that process alone writes. Bookings made after this
run began are left for the next one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import msgspec

from allocations.custodians.simulator import books
from allocations.custodians.simulator.books import Booking
from allocations.states import LegStatus
from orders.books.statements import rows, stream
from orders.books.verdicts import Check, NotChecked, Run, Tally

_LEGS = """
SELECT l.id, l.status, l.booking_ref, w.code, i.cusip,
    CASE WHEN (a.side = 'buy') = (l.reverses_id IS NULL) THEN '1' ELSE '2' END,
    l.qty, l.price, l.principal, l.accrued_interest, l.net_money, l.trade_date, l.settlement_date
FROM allocations_bookingleg l JOIN allocations_allocation a ON a.id = l.allocation_id
JOIN orders_order o ON o.id = a.order_id JOIN venues_instrument i ON i.id = a.instrument_id
JOIN allocations_accountallocation p ON p.id = l.account_allocation_id
JOIN allocations_account k ON k.id = coalesce(l.booked_account_id, p.account_id)
JOIN allocations_account w ON w.id = coalesce(k.sleeve_of_id, k.id)
WHERE {scope} AND l.custodian_id = %(custodian)s
"""
_TERMS = (
    "account",
    "cusip",
    "side",
    "qty",
    "price",
    "principal",
    "accrued_interest",
    "net_money",
    "trade_date",
    "settlement_date",
)
# A leg whose answer has not come, or that was given up on, may be booked there all the same.
_MAY_BE_BOOKED = frozenset({LegStatus.SENT.value, LegStatus.FAILED.value})


class _Leg(NamedTuple):
    """A leg as we have it: the terms in the order of `_TERMS`."""

    id: str
    status: str
    booking_ref: str
    terms: tuple[Any, ...]


class _Line(msgspec.Struct):
    """As much of a journal's line as tells whose booking it is."""

    kind: str
    key: str


def _custodians(run: Run) -> list[str]:
    directory = run.journals()
    found = rows(
        run,
        "SELECT c.id, EXISTS (SELECT 1 FROM allocations_bookingleg l WHERE l.custodian_id = c.id)"
        " FROM allocations_custodian c WHERE c.adapter IN ('simulated', 'files') ORDER BY c.id",
    )
    named = [key for key, used in found if used or books.path_of(directory, key).exists()]
    if not named:
        raise NotChecked("no custodian has left a journal")
    return named


def _bookings(run: Run) -> Tally:
    tally = Tally()
    for custodian in _custodians(run):
        there = books.bookings(run.journals(), custodian)
        for key, times in _written(run, custodian).items():
            if times > 1:
                tally.differs(key, f"{custodian} booked it {times} times")
        for leg in _legs(run, custodian):
            tally.looked_at += 1
            fault = _fault(leg, there.pop(leg.id, None), run)
            if fault:
                tally.differs(leg.id, f"{custodian}: {fault}")
        for key, booking in there.items() if run.is_whole else ():
            if booking.booked_at <= run.machine_at:
                tally.differs(
                    key, f"{custodian} booked {booking.booking_ref}, which is no leg of ours"
                )
    return tally


def _legs(run: Run, custodian: str) -> list[_Leg]:
    found = stream(run, _LEGS, custodian=custodian)
    return [_Leg(row[0], row[1], row[2], tuple(row[3:])) for row in found]


def _fault(leg: _Leg, booking: Booking | None, run: Run) -> str:
    """What is wrong between a leg and its booking; empty when they agree."""
    if booking is None:
        return "booked here, not there" if leg.status == LegStatus.BOOKED else ""
    if leg.status != LegStatus.BOOKED:
        late = booking.booked_at > run.machine_at or leg.status in _MAY_BE_BOOKED
        return "" if late else f"{leg.status} here, booked there as {booking.booking_ref}"
    wrong = [
        f"{name} {ours} here, {theirs} there"
        for name, ours in zip(_TERMS, leg.terms, strict=True)
        if (theirs := getattr(booking.instruction, name)) != ours
    ]
    if booking.booking_ref != leg.booking_ref:
        wrong.append(f"booking_ref {leg.booking_ref} here, {booking.booking_ref} there")
    if booking.instruction.leg_id != leg.id:
        wrong.append(f"booked for leg {booking.instruction.leg_id}")
    return "; ".join(wrong)


def _written(run: Run, custodian: str) -> Counter[str]:
    """How often each key was booked: the books themselves keep only one booking per key."""
    decoder = msgspec.json.Decoder(_Line)
    path = books.path_of(run.journals(), custodian)
    times: Counter[str] = Counter()
    if path.exists():
        with path.open("rb") as file:
            for text in file:
                if text.endswith(b"\n") and (line := decoder.decode(text)).kind == "booking":
                    times[line.key] += 1
    return times


CHECKS = (
    Check(
        "custodians_agree_on_bookings",
        "Every booked leg is in its custodian's own journal once, with the same quantity, price and"
        " money, and every booking there is a leg of ours.",
        _bookings,
    ),
)
