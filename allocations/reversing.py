"""Taking back what was booked: mirrored legs, sent once, and only then what replaces them.

Called by the engine under the allocation's lock and by the booking rounds when answers come. It
never edits a leg's terms and never assumes what a custodian did: a leg whose answer is still out
is reversed once that answer has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from allocations import announcements, wire
from allocations.models import Allocation, BookingLeg
from allocations.states import LEG_DONE, LegStatus
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit import ids

_MIRRORED = (
    *("organization_id", "account_allocation_id", "allocation_id", "custodian_id", "source_ids"),
    *("qty", "price", "principal", "accrued_interest", "fees", "net_money", "trade_date"),
    *("settlement_date", "booked_account_id", "configuration_id"),
)
_TAKEN_BACK = "The fills it books were taken back."


def standing(legs: Iterable[BookingLeg]) -> list[BookingLeg]:
    """The legs that count: neither canceled, nor taken back, nor taking back."""
    rows = list(legs)
    reversed_ids = {leg.reverses_id for leg in rows}
    return [
        leg
        for leg in rows
        if leg.reverses_id is None
        and leg.id not in reversed_ids
        and leg.status != LegStatus.CANCELED
    ]


def reverse(
    work: Unit,
    allocation: Allocation,
    gone: Sequence[BookingLeg],
    *,
    legs: Sequence[BookingLeg],
    reason: str = _TAKEN_BACK,
    at: datetime,
) -> list[BookingLeg]:
    """Take these legs back and begin the allocation's next version.

    Returns these legs as they are now, and after them the reversal legs.

    What no custodian has heard of is canceled at once. What is booked gets a mirrored leg, due
    now; what is under way gets one that waits for its answer.
    """
    held = work.lock(BookingLeg, [leg.id for leg in gone])
    allocation.reverse()
    canceled: list[BookingLeg] = []
    made: list[BookingLeg] = []
    numbers = _last_numbers(legs)
    for leg in held.values():
        if leg.status == LegStatus.REJECTED or not leg.was_sent:
            leg.cancel(reason=reason)
            canceled.append(leg)
            continue
        numbers[leg.account_allocation_id] += 1
        made.append(_mirror(leg, allocation, numbers[leg.account_allocation_id], at=at))
    work.add(*made)
    announcements.tell(
        work,
        allocation,
        "allocation_reverse",
        msg_type=MsgType.INTERNAL,
        also=[*canceled, *made],
        at=at,
        revision=allocation.revision,
        reason=reason,
        canceled=[leg.id for leg in canceled],
        reversals=[{"booking_id": leg.id, "reverses": leg.reverses_id} for leg in made],
    )
    if made:
        work.ring("allocations.tasks.book")
    return [*held.values(), *made]


def waiting_accounts(legs: Iterable[BookingLeg]) -> set[str]:
    """The account allocations with a reversal that is not through: what replaces it waits."""
    return {
        leg.account_allocation_id
        for leg in legs
        if leg.reverses_id is not None and leg.status not in LEG_DONE
    }


def go_on(work: Unit, allocations: Mapping[str, Allocation], *, at: datetime) -> list[BookingLeg]:
    """Wake what has waited for answers that are in now; returns the legs that were canceled."""
    waits = BookingLeg.objects.filter(
        allocation_id__in=list(allocations), status=LegStatus.QUEUED, due_at=None
    )
    concerned = set(waits.values_list("allocation_id", flat=True))
    if not concerned:
        return []
    keys = BookingLeg.objects.filter(allocation_id__in=concerned).values_list("id", flat=True)
    legs = work.lock(BookingLeg, keys)
    canceled: list[BookingLeg] = []
    for leg in legs.values():
        leg.allocation = allocations[leg.allocation_id]
        if leg.reverses_id is not None and _sleeps(leg):
            original = legs[leg.reverses_id]
            original.allocation = leg.allocation
            if original.status == LegStatus.BOOKED:
                _wake(work, leg, at)
            elif original.status == LegStatus.REJECTED:
                for one in (leg, original):
                    one.cancel(reason=_TAKEN_BACK)
                    _tell(work, one, "leg_canceled", at=at, reason=one.reason)
                    canceled.append(one)
    for leg in legs.values():
        if leg.reverses_id is None and _sleeps(leg):
            same = [
                one
                for one in legs.values()
                if one.account_allocation_id == leg.account_allocation_id
            ]
            if not waiting_accounts(same):
                _wake(work, leg, at)
    return canceled


def _sleeps(leg: BookingLeg) -> bool:
    return leg.status == LegStatus.QUEUED and leg.due_at is None


def _wake(work: Unit, leg: BookingLeg, at: datetime) -> None:
    leg.wake(due_at=at)
    _tell(work, leg, "leg_woken", at=at, due_at=at)
    work.ring("allocations.tasks.book")


def _mirror(leg: BookingLeg, allocation: Allocation, sequence: int, *, at: datetime) -> BookingLeg:
    return BookingLeg(
        id=ids.prefixed("bl"),
        sequence=sequence,
        revision=allocation.revision,
        reverses_id=leg.id,
        created_at=at,
        due_at=at if leg.status == LegStatus.BOOKED else None,
        **{name: getattr(leg, name) for name in _MIRRORED},
    )


def _last_numbers(legs: Iterable[BookingLeg]) -> dict[str, int]:
    last: dict[str, int] = {}
    for leg in legs:
        key = leg.account_allocation_id
        last[key] = max(last.get(key, 0), leg.sequence)
    return last


def _tell(work: Unit, leg: BookingLeg, event_type: str, *, at: datetime, **facts: Any) -> None:
    body = {
        **wire.names(leg.allocation),
        "booking_id": leg.id,
        "account_allocation_id": leg.account_allocation_id,
        "custodian_id": leg.custodian_id,
        **facts,
    }
    work.record(leg, event_type, body=body, order_id=leg.allocation.order_id, at=at)
