"""Booked shares that another firm clears: given up whole, or a part of them stepped out.

AllocType(626) of FIX: 17 give-up, 18 take-up, 19 refused take-up. One person asks, another agrees.
The booking is taken back where it was and the same shares and money are booked again: the clearing
leg at the other firm, what stays where it was. The firm's own answer to that leg takes it up or
turns it down; what it turns down is repaired like any refused booking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from allocations import accounts, announcements, arrangements, reversing, wire
from allocations.holdings import shares
from allocations.models import Allocation, BookingLeg, GiveUp
from allocations.states import LegStatus
from oms_site.firm import generation
from oms_site.firm.principals import Principal
from oms_site.journal import actors, unit
from oms_site.journal.rows import LedgerRow
from oms_site.journal.unit import Unit
from oms_site.kit import ids, numbers
from oms_site.kit.errors import Detail, NotFound, OmsError, refuse
from venues import instruments

ASK, DECIDE = "booking.repair", "repair.approve"
CENT = Decimal("0.01")
_TAKEN_BACK = "Another firm clears these shares."
_COPIED = (
    *("organization_id", "account_allocation_id", "allocation_id", "source_ids", "price"),
    *("trade_date", "settlement_date", "booked_account_id", "revision"),
)


class Piece(NamedTuple):
    """A part of a booking: shares, and its money in cents."""

    qty: Decimal
    principal: Decimal
    accrued_interest: Decimal
    fees: Decimal


def pieces(whole: Piece, qty: Decimal) -> tuple[Piece, Piece]:
    """What goes and what stays; together exactly the whole, each sum by largest remainder.

    `qty` is above zero and at most the whole; what stays is nothing when all goes.
    """
    rest = whole.qty - qty
    money = [
        numbers.largest_remainder(total, [qty, rest], quantum=CENT) if rest else [total, total * 0]
        for total in whole[1:]
    ]
    goes, stays = zip(*money, strict=True)
    return Piece(qty, *goes), Piece(rest, *stays)


def request(
    leg_id: str,
    *,
    clearing_firm_id: str,
    qty: Decimal | None,
    reason: str,
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> GiveUp:
    """Ask that another firm clears a booked share, or `qty` of it. Raises `NotFound`, `OmsError`.

    422 with every fault; 409 `not_booked` for what is not booked or was taken back, `give_up_open`
    where another one was asked for already.
    """
    by.require(ASK)
    generation.check()
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        allocation, leg, _ = _locked(work, leg_id, by)
        _check(leg, allocation, clearing_firm_id, qty, reason)
        _check_booked(leg)
        if GiveUp.objects.filter(leg_id=leg.id).exclude(status="refused").exists():
            raise OmsError("give_up_open", "It was asked for already.", status=409)
        whole = qty is None or qty == leg.qty
        row = GiveUp(
            id=ids.prefixed("gu"),
            organization_id=by.organization_id,
            allocation_id=allocation.id,
            leg_id=leg.id,
            kind=GiveUp.Kind.GIVE_UP if whole else GiveUp.Kind.STEP_OUT,
            clearing_firm_id=clearing_firm_id,
            qty=leg.qty if qty is None else qty,
            reason=reason.strip()[:300],
            maker_id=by.user_id,
            requested_at=at,
        )
        work.add(row)
        _tell(work, allocation, row, "give_up_request", reason=row.reason)
    return row


def decide(
    give_up_id: str,
    *,
    approve: bool,
    note: str = "",
    by: Principal,
    at: datetime,
    correlation_id: str = "",
) -> GiveUp:
    """Agree or not, as another person than who asked.

    Raises `NotFound`, `OmsError` (403 `same_person`, 409 `already_decided`, `not_booked`).
    """
    by.require(DECIDE)
    generation.check()
    known = GiveUp.objects.filter(id=give_up_id, organization_id=by.organization_id).first()
    if known is None:
        raise NotFound("give-up")
    with unit.work(by=actors.person(by, correlation_id), at=at) as work:
        allocation, leg, legs = _locked(work, known.leg_id, by)
        row = work.lock(GiveUp, [give_up_id])[give_up_id]
        if not row.is_open:
            raise OmsError("already_decided", f"This give-up is {row.status}.", status=409)
        if row.maker_id == by.user_id:
            raise OmsError("same_person", "Another person has to decide.", status=403)
        if not approve:
            row.refuse(user_id=by.user_id, note=note, at=at)
            _tell(work, allocation, row, "give_up_refuse", note=row.note)
            return row
        _check_booked(leg)
        _give(work, allocation, row, leg, legs, by=by, note=note, at=at)
    return row


def answered(work: Unit, legs: Mapping[str, BookingLeg], *, at: datetime) -> None:
    """Note what clearing firms have answered to the legs that this unit has just moved."""
    told = {LegStatus.BOOKED: True, LegStatus.REJECTED: False}
    moved = [key for key, leg in legs.items() if leg.status in told]
    found = GiveUp.objects.filter(clearing_leg_id__in=moved).values_list("id", flat=True)
    for row in work.lock(GiveUp, list(found)).values():
        leg = legs[str(row.clearing_leg_id)]
        taken = told[LegStatus(leg.status)]
        wanted = GiveUp.Status.TAKEN_UP if taken else GiveUp.Status.TURNED_DOWN
        if row.status == wanted or row.status == GiveUp.Status.TAKEN_UP:
            continue
        row.answer(taken=taken, at=at)
        event = "give_up_taken" if taken else "give_up_turned_down"
        _tell(work, leg.allocation, row, event, at=at, code=leg.code, reason=leg.reason)


def view(row: GiveUp) -> dict[str, Any]:
    """A give-up as the API tells it."""
    kind = wire.kind_of(row.allocation)
    return {
        "id": row.id,
        "give_up_id": row.id,
        "allocation_id": row.allocation_id,
        "order_id": row.allocation.order_id,
        "booking_id": row.leg_id,
        "kind": str(row.kind),
        "alloc_type": {"taken_up": 18, "turned_down": 19}.get(str(row.status), 17),
        "clearing_firm_id": row.clearing_firm_id,
        "clearing_booking_id": row.clearing_leg_id,
        "amount": wire.amount(row.qty, kind),
        "status": str(row.status),
        "reason": row.reason,
        "requested_at": row.requested_at,
        "decided_at": row.decided_at,
        "answered_at": row.answered_at,
        "annotation": row.note or None,
    }


# --- giving ----------------------------------------------------------------------------------
def _give(
    work: Unit,
    allocation: Allocation,
    row: GiveUp,
    leg: BookingLeg,
    legs: Sequence[BookingLeg],
    *,
    by: Principal,
    note: str,
    at: datetime,
) -> None:
    """Take the booking back and queue what replaces it, once that is through."""
    held = reversing.reverse(work, allocation, [leg], legs=legs, reason=_TAKEN_BACK, at=at)
    numbers_so_far = [one.sequence for one in (*legs, *held) if _of(one) == _of(leg)]
    goes, stays = pieces(Piece(leg.qty, leg.principal, leg.accrued_interest, leg.fees), row.qty)
    fresh = [_leg(leg, goes, row.clearing_firm_id, max(numbers_so_far) + 1, allocation, at)]
    if stays.qty:
        fresh.append(_leg(leg, stays, leg.custodian_id, max(numbers_so_far) + 2, allocation, at))
    work.add(*fresh)
    row.give(clearing_leg_id=fresh[0].id, user_id=by.user_id, note=note, at=at)
    _tell(work, allocation, row, "give_up_approve", clearing_booking_id=fresh[0].id)
    stuck = any(one.status in (LegStatus.REJECTED, LegStatus.FAILED) for one in legs)
    announcements.submit(work, allocation, fresh, stuck=stuck, at=at)
    shares.settle(work, shares.of(work, {allocation.id: allocation}), at=at)


def _leg(
    leg: BookingLeg,
    part: Piece,
    custodian_id: str,
    sequence: int,
    allocation: Allocation,
    at: datetime,
) -> BookingLeg:
    told = arrangements.configuration(leg.organization_id, custodian_id)
    sign = 1 if allocation.side == "buy" else -1
    return BookingLeg(
        id=ids.prefixed("bl"),
        sequence=sequence,
        custodian_id=custodian_id,
        configuration_id=told.id if told else None,
        created_at=at,
        # It waits until the custodian has taken the first booking back.
        due_at=None,
        net_money=part.principal + part.accrued_interest + sign * part.fees,
        **part._asdict(),
        **{name: getattr(leg, name) for name in _COPIED},
    )


def _of(leg: BookingLeg) -> str:
    return leg.account_allocation_id


def _locked(
    work: Unit, leg_id: str, by: Principal
) -> tuple[Allocation, BookingLeg, list[BookingLeg]]:
    known = BookingLeg.objects.filter(id=leg_id, organization_id=by.organization_id).first()
    if known is None:
        raise NotFound("booking")
    allocation = work.lock(Allocation, [known.allocation_id])[known.allocation_id]
    rows = BookingLeg.objects.filter(allocation_id=allocation.id).values_list("id", flat=True)
    legs = work.lock(BookingLeg, rows)
    return allocation, legs[leg_id], list(legs.values())


# --- refusing --------------------------------------------------------------------------------
def _check(
    leg: BookingLeg,
    allocation: Allocation,
    clearing_firm_id: str,
    qty: Decimal | None,
    reason: str,
) -> None:
    faults: list[Detail] = []
    firm = accounts.find_custodian(clearing_firm_id)
    if firm is None or not firm.active:
        faults.append(Detail("clearing_firm_id", "custodian_not_found", "No such firm."))
    elif firm.id == leg.custodian_id:
        faults.append(Detail("clearing_firm_id", "clears_there", "It is booked there already."))
    step = instruments.by_id(allocation.instrument_id).min_increment
    if qty is not None and not 0 < qty <= leg.qty:
        faults.append(Detail("quantity", "too_much", f"The booking is for {leg.qty:f}."))
    elif qty is not None and qty % step:
        faults.append(Detail("quantity", "off_increment", f"Give multiples of {step:f}."))
    if not reason.strip():
        faults.append(Detail("reason", "reason_required", "Say why."))
    refuse(faults)


def _check_booked(leg: BookingLeg) -> None:
    back = BookingLeg.objects.filter(reverses_id=leg.id).exists()
    if leg.status != LegStatus.BOOKED or leg.reverses_id is not None or back:
        raise OmsError("not_booked", f"Booking {leg.id} does not stand.", status=409)


def _tell(
    work: Unit,
    allocation: Allocation,
    row: GiveUp,
    event_type: str,
    *,
    also: Iterable[LedgerRow] = (),
    at: datetime | None = None,
    **facts: Any,
) -> None:
    body = {
        **wire.names(allocation),
        "give_up_id": row.id,
        "kind": str(row.kind),
        "booking_id": row.leg_id,
        "clearing_firm_id": row.clearing_firm_id,
        "amount": wire.amount(row.qty, wire.kind_of(allocation)),
        **facts,
    }
    work.record(row, event_type, body=body, order_id=allocation.order_id, also=also, at=at)
