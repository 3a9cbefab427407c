"""The allocation events of the guide, and the steps that go with them.

Called by the engine and the booking room inside a unit of work. Allocations that clients never
asked for (implicit ones) are told to the audit only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django_fsm import can_proceed

from allocations import wire
from allocations.models import Allocation, BookingLeg
from allocations.states import AllocationStatus
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.rows import LedgerRow
from oms_site.journal.unit import Unit


def tell(
    work: Unit,
    allocation: Allocation,
    event_type: str,
    *,
    order: msgspec.Raw | None = None,
    also: Sequence[LedgerRow] = (),
    msg_type: MsgType = MsgType.ORDER_UPDATE,
    by: Actor | None = None,
    at: datetime,
    **facts: Any,
) -> None:
    """Record one event about an allocation, on the wire or for the audit."""
    work.record(
        allocation,
        event_type,
        body={**wire.names(allocation), **facts},
        msg_type=MsgType.INTERNAL if allocation.implicit else msg_type,
        order=None if allocation.implicit else order,
        order_id=allocation.order_id,
        also=also,
        by=by,
        at=at,
    )


def submit(
    work: Unit,
    allocation: Allocation,
    queued: Sequence[BookingLeg],
    *,
    stuck: bool = False,
    order: msgspec.Raw | None = None,
    at: datetime,
) -> None:
    """Say which legs are queued, one `allocation_submit` per custodian, and wake the worker.

    `stuck`: another leg waits for a person, so the allocation keeps the status that says so.
    """
    if not stuck and can_proceed(allocation.submit):
        allocation.submit()
    kind = wire.kind_of(allocation)
    by_custodian: dict[str, list[BookingLeg]] = {}
    for leg in queued:
        by_custodian.setdefault(leg.custodian_id, []).append(leg)
    for custodian_id, legs in sorted(by_custodian.items()):
        tell(
            work,
            allocation,
            "allocation_submit",
            order=order,
            also=legs,
            at=at,
            custodian_id=custodian_id,
            bookings=[{"booking_id": leg.id, "amount": wire.amount(leg.qty, kind)} for leg in legs],
        )
    work.ring("allocations.tasks.book")


def fail(
    work: Unit,
    allocation: Allocation,
    *,
    code: str,
    reason: str,
    order: msgspec.Raw | None = None,
    at: datetime,
    **facts: Any,
) -> None:
    """Calculating or booking broke down and a person must look."""
    if allocation.status == AllocationStatus.CREATED:
        # Nothing could be calculated, and a failure follows a calculation.
        allocation.calculate(actual_qty=allocation.actual_qty, complete=allocation.complete)
    if can_proceed(allocation.fail):
        allocation.fail(code=code, reason=reason)
    else:
        allocation.code, allocation.reason = code, reason[:200]
    tell(work, allocation, "allocation_fail", order=order, at=at, code=code, reason=reason, **facts)


def reject(
    work: Unit, allocation: Allocation, *, code: str, reason: str, at: datetime, **facts: Any
) -> None:
    """A custodian refused a leg; one event for each, whatever the allocation's status."""
    if can_proceed(allocation.reject):
        allocation.reject(code=code, reason=reason)
    else:
        allocation.code, allocation.reason = code, reason[:200]
    tell(work, allocation, "allocation_reject", at=at, code=code, reason=reason, **facts)


def approve_when_booked(
    work: Unit,
    allocation: Allocation,
    *,
    unbooked: Collection[str],
    order: msgspec.Raw | None = None,
    at: datetime,
) -> None:
    """Approve once no more will come and no leg is left `unbooked`."""
    if allocation.complete and not unbooked and can_proceed(allocation.approve):
        allocation.approve()
        tell(work, allocation, "allocation_approve", order=order, at=at)
