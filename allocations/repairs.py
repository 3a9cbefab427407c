"""Repairing a refused booking: another custodian or account, asked for by one, agreed by another.

Called by the desks of operations. Only what a custodian has refused for certain is booked
elsewhere; what may be booked already can only be tried again with its own key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from allocations import accounts, announcements, arrangements, booking, wire
from allocations.holdings import shares
from allocations.models import Allocation, BookingLeg, Repair
from allocations.states import LegStatus
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.rows import LedgerRow
from oms_site.journal.unit import Unit
from oms_site.kit import ids
from oms_site.kit.errors import NotFound, OmsError

ASK, DECIDE = "booking.repair", "repair.approve"
RETRY_MOST = 200
_COPIED = (
    *("organization_id", "account_allocation_id", "allocation_id", "source_ids", "qty", "price"),
    *("principal", "accrued_interest", "fees", "net_money", "trade_date", "settlement_date"),
)


def request(
    leg_id: str,
    *,
    reason: str,
    custodian_id: str = "",
    account_id: str = "",
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> Repair:
    """Ask that a refused leg be booked elsewhere. Raises `NotFound`, `OmsError`.

    `leg_in_doubt` (409): it may be booked where it is; `nothing_to_repair` (422): no other place.
    """
    by.require(ASK)
    generation.check()
    if not reason.strip():
        raise OmsError("reason_required", "Say why.", field="reason")
    account = accounts.find_account(by.organization_id, account_id) if account_id else None
    if account_id and account is None:
        raise OmsError("account_not_found", "There is no such account.", field="account_id")
    if custodian_id and accounts.find_custodian(custodian_id) is None:
        raise OmsError("custodian_not_found", "There is no such custodian.", field="custodian_id")
    if not (custodian_id or account):
        raise OmsError("nothing_to_repair", "Name another custodian or account.")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        allocation, leg = _locked(work, leg_id, by)
        _check_refused(leg)
        if Repair.objects.filter(leg_id=leg.id, status=Repair.Status.REQUESTED).exists():
            raise OmsError("repair_open", "A repair of it waits for a decision.", status=409)
        row = Repair(
            id=ids.prefixed("rep"),
            organization_id=by.organization_id,
            allocation_id=allocation.id,
            leg_id=leg.id,
            custodian_id=custodian_id or None,
            account_id=account.id if account else None,
            reason=reason.strip()[:300],
            requested_by_id=by.user_id,
            requested_at=at,
        )
        work.add(row)
        _tell(work, allocation, row, "repair_request", reason=row.reason)
    return row


def decide(
    repair_id: str,
    *,
    approve: bool,
    note: str = "",
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> Repair:
    """Agree or not, as another person than who asked; agreeing cancels the leg and queues another.

    Raises `NotFound`, `OmsError` (403 `same_person`, 409 `already_decided`, `leg_in_doubt`).
    """
    by.require(DECIDE)
    generation.check()
    known = Repair.objects.filter(id=repair_id, organization_id=by.organization_id).first()
    if known is None:
        raise NotFound("repair")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        allocation, leg = _locked(work, known.leg_id, by)
        row = work.lock(Repair, [repair_id])[repair_id]
        if not row.is_open:
            raise OmsError("already_decided", f"This repair is {row.status}.", status=409)
        if row.requested_by_id == by.user_id or by.user_id is None:
            raise OmsError("same_person", "Another person has to decide.", status=403)
        row.decide(approve=approve, user_id=by.user_id, note=note, at=at)
        if not approve:
            _tell(work, allocation, row, "repair_refuse", note=row.note)
            return row
        _check_refused(leg)
        leg.cancel(reason=f"Repaired: {row.reason}")
        fresh = _elsewhere(leg, row, allocation, at=at)
        work.add(fresh)
        _tell(work, allocation, row, "repair_approve", also=[leg], new_booking_id=fresh.id)
        stuck = booking.with_a_person([allocation.id]) - {leg.id}
        announcements.submit(work, allocation, [fresh], stuck=bool(stuck), at=at)
        shares.settle(work, shares.of(work, {allocation.id: allocation}), at=at)
    return row


def retry_many(
    leg_ids: Sequence[str], *, by: Principal, at: datetime, correlation_id: str = ""
) -> list[dict[str, str]]:
    """Queue many legs again, each for itself; what became of each, in the order given."""
    by.require(ASK)
    if not 1 <= len(leg_ids) <= RETRY_MOST:
        raise OmsError("too_many", f"Give 1 to {RETRY_MOST} bookings.", field="booking_ids")
    actor = actors.person(by, correlation_id)
    results = []
    for leg_id in leg_ids:
        try:
            booking.retry([leg_id], organization_id=by.organization_id, by=actor, at=at)
            results.append({"booking_id": leg_id, "outcome": "queued", "code": "", "message": ""})
        except OmsError as error:
            why = {"code": error.code, "message": error.message}
            results.append({"booking_id": leg_id, "outcome": "refused", **why})
    return results


def _locked(work: Unit, leg_id: str, by: Principal) -> tuple[Allocation, BookingLeg]:
    known = BookingLeg.objects.filter(id=leg_id, organization_id=by.organization_id).first()
    if known is None:
        raise NotFound("booking")
    allocation = work.lock(Allocation, [known.allocation_id])[known.allocation_id]
    return allocation, work.lock(BookingLeg, [leg_id])[leg_id]


def _check_refused(leg: BookingLeg) -> None:
    if leg.status == LegStatus.FAILED:
        text = "Its custodian may have booked it: try it again with its own key instead."
        raise OmsError("leg_in_doubt", text, status=409)
    if leg.status != LegStatus.REJECTED or leg.reverses_id is not None:
        raise OmsError("leg_not_refused", f"Booking {leg.id} is {leg.status}.", status=409)


def _elsewhere(leg: BookingLeg, row: Repair, allocation: Allocation, *, at: datetime) -> BookingLeg:
    mine = BookingLeg.objects.filter(account_allocation_id=leg.account_allocation_id)
    last = max(mine.values_list("sequence", flat=True))
    custodian_id = row.custodian_id or leg.custodian_id
    told = arrangements.configuration(leg.organization_id, custodian_id)
    return BookingLeg(
        id=ids.prefixed("bl"),
        sequence=last + 1,
        revision=allocation.revision,
        custodian_id=custodian_id,
        configuration_id=told.id if told else None,
        booked_account_id=row.account_id or leg.booked_account_id,
        created_at=at,
        due_at=at,
        **{name: getattr(leg, name) for name in _COPIED},
    )


def _tell(
    work: Unit,
    allocation: Allocation,
    row: Repair,
    event_type: str,
    *,
    also: Sequence[LedgerRow] = (),
    **facts: Any,
) -> None:
    body = {
        **wire.names(allocation),
        "repair_id": row.id,
        "booking_id": row.leg_id,
        "custodian_id": row.custodian_id,
        "account_id": row.account_id,
        **facts,
    }
    work.record(row, event_type, body=body, order_id=allocation.order_id, also=also)
