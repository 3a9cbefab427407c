"""The allocation engine: fixes the basis, splits what was executed, queues what must be booked.

Works inside a caller's unit of work on rows that the caller holds; it never knows orders and never
speaks to a custodian. Everything here is idempotent: the same fills again change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from django_fsm import can_proceed

from allocations import announcements, arrangements, bookings, reversing, strategies, wire
from allocations.basis import Requested, Rows, check_request, create
from allocations.models import AccountAllocation, Allocation, BookingLeg
from allocations.states import LEG_DONE, AllocationStatus, LegStatus
from allocations.strategies import Lot, Share, Slice
from oms_site.journal.actors import Actor
from oms_site.journal.models import MsgType
from oms_site.journal.unit import Unit
from oms_site.kit.errors import OmsError
from venues import instruments

__all__ = [
    "Lot",
    "Requested",
    "Rows",
    "calculate",
    "cancel",
    "check_request",
    "create",
    "of_orders",
    "release",
    "slices",
]
_WITH_A_PERSON = frozenset({AllocationStatus.REJECTED.value, AllocationStatus.FAILED.value})
_LATE = "The order was executed after its allocation was canceled."
_STUCK = frozenset({LegStatus.REJECTED.value, LegStatus.FAILED.value})


def of_orders(work: Unit, order_ids: Iterable[str]) -> dict[str, Rows]:
    """Lock the allocations of these orders, by order id; orders without one are absent."""
    wanted = Allocation.objects.filter(order_id__in=set(order_ids)).values_list("id", flat=True)
    locked = work.lock(Allocation, wanted)
    accounts: dict[str, list[AccountAllocation]] = {key: [] for key in locked}
    legs: dict[str, list[BookingLeg]] = {key: [] for key in locked}
    # Accounts change only under their allocation's lock; legs are only read here.
    rows = AccountAllocation.objects.filter(allocation_id__in=locked).order_by("position")
    for account in rows:
        accounts[account.allocation_id].append(work.hold(account))
    for leg in BookingLeg.objects.filter(allocation_id__in=locked).order_by("id"):
        legs[leg.allocation_id].append(leg)
    return {
        allocation.order_id: Rows(allocation, tuple(accounts[key]), tuple(legs[key]))
        for key, allocation in locked.items()
    }


def calculate(
    work: Unit,
    *,
    allocation: Allocation,
    accounts: Sequence[AccountAllocation],
    legs: Sequence[BookingLeg],
    lots: Sequence[Lot],
    complete: bool,
    order: msgspec.Raw | None = None,
    at: datetime,
) -> list[BookingLeg]:
    """Split all fills so far and queue the legs that are missing; returns those.

    `lots` are all fills of the order that stand, `legs` all legs there are, `complete` says that no
    more will come. Legs of fills that stand no more are taken back first. A strategy that books
    per fill queues legs at once, an averaging one when complete; fills booked elsewhere get legs
    that nobody is told of. What cannot be split fails the allocation with a code and a reason; no
    exception loses the fill.
    """
    if allocation.status == AllocationStatus.CANCELED:
        _fail(work, allocation, "allocation_canceled", _LATE, order, at)
        return []
    legs = _take_back(work, allocation, legs, lots, at)
    counted = reversing.standing(legs)
    try:
        taken = bookings.taken(counted, accounts=accounts)
        fresh = _allot(allocation, accounts, lots, taken)
        bookable = _bookable(allocation, fresh, complete)
        made = bookings.make(
            bookable, allocation=allocation, accounts=accounts, legs=legs, lots=lots, at=at
        )
    except (OmsError, ArithmeticError, ValueError, LookupError) as error:
        code = error.code if isinstance(error, OmsError) else "calculation_failed"
        _fail(work, allocation, code, str(error), order, at)
        return []
    work.add(*made)
    elsewhere = [leg for leg in made if leg.status == LegStatus.ELSEWHERE]
    queued = [leg for leg in made if leg.status != LegStatus.ELSEWHERE] if elsewhere else made
    slices = [*taken, *fresh]
    moved = _move(accounts, slices)
    if moved or made or allocation.actual_qty != _filled(lots):
        in_flight = not queued and (bool(counted) or not lots)
        _advance(allocation, _filled(lots), complete, in_flight=in_flight)
        venues = {lot.id: lot.venue for lot in lots}
        announcements.tell(
            work,
            allocation,
            "allocation_calculate",
            order=order,
            also=[*moved, *elsewhere],
            at=at,
            account_allocations=wire.calculated(allocation, accounts, slices, venues),
        )
    elif allocation.complete != complete:
        _note_complete(work, allocation, complete, at)
    if queued:
        _submit(work, allocation, queued, legs, order, at)
    elif legs:
        _resume(work, allocation, legs, order, at)
    return queued


def slices(
    allocation: Allocation,
    accounts: Sequence[AccountAllocation],
    *,
    legs: Sequence[BookingLeg],
    lots: Sequence[Lot],
) -> list[Slice]:
    """Whose the fills that stand are: by the legs that book them, the rest as they will be split.

    `legs` may be of other allocations too. Empty where they cannot be split; reads only.
    """
    known = {lot.id for lot in lots}
    mine = {leg.id: leg for leg in legs if leg.allocation_id == allocation.id}
    counted = [leg for leg in reversing.standing(mine.values()) if known.issuperset(leg.source_ids)]
    try:
        taken = bookings.taken(counted, accounts=accounts)
        fresh = _allot(allocation, accounts, lots, taken)
    except (OmsError, ArithmeticError, ValueError, LookupError):
        return []
    # What a repair has booked elsewhere is that account's.
    booked = [
        piece._replace(account_id=leg.booked_account_id or piece.account_id)
        for leg, piece in zip(counted, taken, strict=True)
    ]
    return [*booked, *fresh]


def _submit(
    work: Unit,
    allocation: Allocation,
    queued: Sequence[BookingLeg],
    legs: Sequence[BookingLeg],
    order: msgspec.Raw | None,
    at: datetime,
) -> None:
    _release_by_rule(work, allocation, at)
    stuck = any(leg.status in _STUCK for leg in legs)
    announcements.submit(work, allocation, queued, stuck=stuck, order=order, at=at)


def cancel(
    work: Unit,
    *,
    allocation: Allocation,
    legs: Sequence[BookingLeg],
    filled: bool = False,
    order: msgspec.Raw | None = None,
    by: Actor | None = None,
    at: datetime,
) -> str:
    """Withdraw an allocation; returns "" or the code of the refusal, which is recorded too.

    Only before anything was executed (`filled` is the caller's word on fills not yet calculated)
    and before anything was sent to a custodian. Guide, "Real-time allocation events".
    """
    system, on_wire = MsgType.SYSTEM_UPDATE, MsgType.ORDER_UPDATE
    announcements.tell(work, allocation, "cancel_allocation_request", msg_type=system, by=by, at=at)
    refusal = _why_not_cancel(allocation, legs, filled)
    if refusal:
        code, reason = refusal
        announcements.tell(
            work,
            allocation,
            "cancel_allocation_reject",
            msg_type=system,
            by=by,
            at=at,
            code=code,
            reason=reason,
        )
        return code
    allocation.cancel()
    announcements.tell(
        work, allocation, "allocation_cancel", msg_type=on_wire, order=order, by=by, at=at
    )
    return ""


def release(work: Unit, *, allocation: Allocation, at: datetime) -> None:
    """A person lets the legs of an allocation go that a rule holds back for one; once.

    The caller has it calculated again. Raises `OmsError` (409 `not_held`, `already_released`).
    """
    if allocation.release != arrangements.BY_HAND:
        raise OmsError("not_held", "Its bookings wait for nobody.", status=409)
    if allocation.released_at is not None:
        raise OmsError("already_released", "Its bookings have been released.", status=409)
    _let_go(work, allocation, at)


def _release_by_rule(work: Unit, allocation: Allocation, at: datetime) -> None:
    """Note that the rule under which it was made has fired: once, whatever is filled after that."""
    by_rule = allocation.release in (arrangements.AT_FILL, arrangements.AT_CLOSE)
    if by_rule and allocation.released_at is None:
        _let_go(work, allocation, at)


def _let_go(work: Unit, allocation: Allocation, at: datetime) -> None:
    allocation.released_at = at
    announcements.tell(
        work,
        allocation,
        "allocation_release",
        msg_type=MsgType.INTERNAL,
        at=at,
        release=allocation.release,
        released_at=at,
    )


def _why_not_cancel(
    allocation: Allocation, legs: Sequence[BookingLeg], filled: bool
) -> tuple[str, str] | None:
    if allocation.status == AllocationStatus.CANCELED:
        return "already_canceled", "The allocation is canceled already."
    if legs:
        return "already_submitted", "Bookings have been submitted to a custodian."
    if filled or allocation.actual_qty or allocation.status != AllocationStatus.CREATED:
        return "already_filled", "The order has been executed in part or in full."
    return None


def _take_back(
    work: Unit,
    allocation: Allocation,
    legs: Sequence[BookingLeg],
    lots: Sequence[Lot],
    at: datetime,
) -> list[BookingLeg]:
    """Reverse the legs of fills that stand no more; returns all legs there are then."""
    known = {lot.id for lot in lots}
    gone = [leg for leg in reversing.standing(legs) if not known.issuperset(leg.source_ids)]
    if not gone:
        return list(legs)
    moved = reversing.reverse(work, allocation, gone, legs=legs, at=at)
    return list(({leg.id: leg for leg in legs} | {leg.id: leg for leg in moved}).values())


def _fail(
    work: Unit,
    allocation: Allocation,
    code: str,
    reason: str,
    order: msgspec.Raw | None,
    at: datetime,
) -> None:
    """Say that these fills cannot be split; saying it again says it once."""
    if (allocation.code, allocation.reason) != (code, reason[:200]):
        announcements.fail(work, allocation, code=code, reason=reason, order=order, at=at)


# --- arithmetic ------------------------------------------------------------------------------
def _allot(
    allocation: Allocation,
    accounts: Sequence[AccountAllocation],
    lots: Sequence[Lot],
    taken: Sequence[Slice],
) -> list[Slice]:
    facts = instruments.by_id(allocation.instrument_id)
    return strategies.allot(
        allocation.strategy,
        lots=lots,
        shares=[
            Share(
                account_id=account.account_id,
                requested_qty=account.requested_qty,
                position=account.position,
            )
            for account in accounts
        ],
        min_increment=facts.min_increment,
        min_piece=facts.min_denomination,
        taken=taken,
    )


def _bookable(allocation: Allocation, fresh: Sequence[Slice], complete: bool) -> list[Slice]:
    """The new slices whose time to be booked has come."""
    per_fill = strategies.STRATEGIES[allocation.strategy].books_per_fill
    if allocation.release == arrangements.BY_HAND and allocation.released_at is None:
        return []
    if allocation.release == arrangements.AT_CLOSE:
        per_fill = False
    return list(fresh) if per_fill or complete else []


# --- moving ----------------------------------------------------------------------------------
def _filled(lots: Sequence[Lot]) -> Decimal:
    return sum((lot.qty for lot in lots), Decimal(0))


def _move(
    accounts: Sequence[AccountAllocation], slices: Sequence[Slice]
) -> list[AccountAllocation]:
    """Bring every account to what it has got; returns those that changed."""
    got: dict[str, Decimal] = {}
    for piece in slices:
        got[piece.account_id] = got.get(piece.account_id, Decimal(0)) + piece.qty
    moved = []
    for account in accounts:
        actual_qty = got.get(account.account_id, Decimal(0))
        if account.actual_qty != actual_qty:
            account.actual_qty = actual_qty
            moved.append(account)
    return moved


def _advance(
    allocation: Allocation, actual_qty: Decimal, complete: bool, *, in_flight: bool
) -> None:
    """Note what was calculated; the status goes back to calculated only if legs will follow."""
    waits = in_flight or allocation.status in _WITH_A_PERSON
    if not waits and can_proceed(allocation.calculate):
        allocation.calculate(actual_qty=actual_qty, complete=complete)
    else:
        # A late fill is a fact whatever the status; what waits for a person keeps waiting.
        allocation.actual_qty, allocation.complete = actual_qty, complete


def _note_complete(work: Unit, allocation: Allocation, complete: bool, at: datetime) -> None:
    """Nothing was filled since the last calculation; only whether more will come has changed."""
    allocation.complete = complete
    announcements.tell(
        work,
        allocation,
        "allocation_complete",
        msg_type=MsgType.INTERNAL,
        at=at,
        complete=complete,
    )


def _resume(
    work: Unit,
    allocation: Allocation,
    legs: Sequence[BookingLeg],
    order: msgspec.Raw | None,
    at: datetime,
) -> None:
    """Nothing new to book: approve what is booked already, once no more will come."""
    unbooked = [leg.id for leg in legs if leg.status not in LEG_DONE]
    announcements.approve_when_booked(work, allocation, unbooked=unbooked, order=order, at=at)
