"""One round of booking at one custodian: claim due legs, call, apply the answers.

Called by the booking room. Claiming commits before the first call and applying begins after the
last, so nothing outside happens in a transaction. Locks: allocations by id, then legs by id;
claiming locks legs alone and never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from allocations import accounts, announcements, arrangements, giving_up, reversing, sending, wire
from allocations.custodians.asking import Deferred, back_off
from allocations.custodians.port import Booked, BookingInstruction, Refused
from allocations.models import Allocation, BookingLeg
from allocations.sending import Answer, Broken
from allocations.states import LEG_DONE, LegStatus
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from venues import instruments
from venues.messages import Side

ATTEMPTS_MAX = 10
# Longer than a round of calls may take: a leg still in flight is not sent a second time.
LEASE = timedelta(seconds=30)

_system = actors.system("booking")
_SIDES: dict[str, Side] = {"buy": "1", "sell": "2"}
_BACK: dict[str, Side] = {"buy": "2", "sell": "1"}


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: how many legs it claimed, and whether the custodian is in trouble."""

    claimed: int
    trouble: bool


def due_custodians(*, at: datetime) -> list[str]:
    """The custodians that have legs due."""
    due = BookingLeg.objects.filter(due_at__lte=at).order_by("custodian_id")
    return list(due.values_list("custodian_id", flat=True).distinct())


def run_round(custodian_id: str, *, most: int) -> Round:
    """Claim, send and settle up to `most` due legs of one custodian."""
    generation.check()
    custodian = accounts.find_custodian(custodian_id)
    if custodian is None:
        raise LookupError(f"{custodian_id} has legs and no row")
    claimed: list[BookingInstruction] = []
    taken: list[str] = []
    draining.safely(
        partial(_claim, custodian_id, most, claimed),
        lambda key: _claim(custodian_id, 1, claimed, [], key),
        aside=_put_off,
        taken=taken,
    )
    if not claimed:
        return Round(len(taken), trouble=False)
    answers = sending.send(custodian, claimed)
    draining.safely(
        partial(_settle, answers),
        lambda key: _settle({key: answers[key]}, []),
        aside=_not_applied,
    )
    return Round(len(taken), any(isinstance(a, Deferred) for a in answers.values()))


def _put_off(leg_id: str, error: Exception) -> None:
    """A leg that cannot be put into words was not sent: it waits, and people are told."""

    def wait(work: Unit, leg: BookingLeg, at: datetime) -> None:
        if leg.due_at is not None:
            leg.due_at = at + draining.AGAIN
            leg.code, leg.reason = "not_said", f"{type(error).__name__}: {error}"[:200]
            facts = {"code": leg.code, "reason": leg.reason, "due_at": leg.due_at}
            _tell(work, leg, "leg_deferred", at=at, **facts)

    _alone(leg_id, wait, error)


def _not_applied(leg_id: str, error: Exception) -> None:
    """An answer that cannot be applied counts as none: the custodian is asked once more."""
    answer = Deferred("not_applied", f"{type(error).__name__}: {error}"[:200])

    def defer(work: Unit, leg: BookingLeg, at: datetime) -> None:
        if leg.status == LegStatus.SENT:
            _apply(work, leg, answer, at)

    _alone(leg_id, defer, error)


def _alone(leg_id: str, do: Callable[[Unit, BookingLeg, datetime], None], error: Exception) -> None:
    at = clock.now()
    owner = BookingLeg.objects.values_list("allocation_id", flat=True).get(id=leg_id)
    with unit.work(by=_system, at=at) as work:
        allocation = work.lock(Allocation, [owner])[owner]
        leg = work.lock(BookingLeg, [leg_id])[leg_id]
        leg.allocation = allocation
        do(work, leg, at)
    draining.tell("book", leg_id, error, order_id=allocation.order_id)


# --- claiming --------------------------------------------------------------------------------
def _claim(
    custodian_id: str,
    most: int,
    claimed: list[BookingInstruction],
    taken: list[str],
    only: str = "",
) -> int:
    """Mark due legs as sent and commit; what to tell the custodian is added to `claimed`."""
    at = clock.now()
    with unit.work(by=_system, at=at) as work:
        due = (
            BookingLeg.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
            .filter(custodian_id=custodian_id, due_at__lte=at, **({"pk": only} if only else {}))
            .select_related("allocation", "account_allocation")
            .order_by("due_at", "id")[:most]
        )
        legs = [work.hold(leg) for leg in due]
        taken += [leg.id for leg in legs]
        for leg in legs:
            leg.send(retry_at=at + LEASE)
            _tell(work, leg, "leg_sent", at=at, attempt=leg.attempts)
        said = [_instruction(leg) for leg in legs]
    claimed += said
    return len(said)


def _instruction(leg: BookingLeg) -> BookingInstruction:
    allocation = leg.allocation
    account_id = leg.booked_account_id or leg.account_allocation.account_id
    sides = _SIDES if leg.reverses_id is None else _BACK
    account = accounts.find_account(leg.organization_id, account_id)
    instrument = instruments.by_id(allocation.instrument_id)
    told = arrangements.configuration_by_id(leg.configuration_id)
    return BookingInstruction(
        key=leg.id,
        leg_id=leg.id,
        account=account.outside_code if account else account_id,
        cusip=instrument.cusip,
        side=sides[allocation.side],
        qty=leg.qty,
        price=leg.price,
        principal=leg.principal,
        accrued_interest=leg.accrued_interest,
        net_money=leg.net_money,
        trade_date=leg.trade_date,
        settlement_date=leg.settlement_date,
        currency=instrument.currency,
        reference=leg.reverses_id or allocation.order_id,
        booking_type=told.booking_type if told else "",
        instructions=told.instructions if told else "",
        sleeve=account.code if account and account.sleeve_of else "",
    )


# --- settling --------------------------------------------------------------------------------
def _settle(answers: Mapping[str, Answer], taken: list[str]) -> int:
    """Apply the custodian's answers; what another round has settled meanwhile stays as it is."""
    taken += sorted(answers)
    allocation_ids = BookingLeg.objects.filter(id__in=answers).values_list(
        "allocation_id", flat=True
    )
    at = clock.now()
    with unit.work(by=_system, at=at) as work:
        allocations = work.lock(Allocation, allocation_ids)
        legs = work.lock(BookingLeg, answers)
        for leg in legs.values():
            leg.allocation = allocations[leg.allocation_id]
            if leg.status == LegStatus.SENT:
                _apply(work, leg, answers[leg.id], at)
        giving_up.answered(work, legs, at=at)
        canceled = reversing.go_on(work, allocations, at=at)
        _approve(work, allocations, [*legs.values(), *canceled], at)
        work.ring("allocations.tasks.settle")
    return len(answers)


def _apply(work: Unit, leg: BookingLeg, answer: Answer, at: datetime) -> None:
    match answer:
        case Booked(booking_ref):
            leg.book(booking_ref=booking_ref[:80])
            _tell(work, leg, "leg_booked", at=at, booking_ref=leg.booking_ref)
        case Refused(code, reason):
            leg.reject(code=code[:40], reason=reason)
            _tell(work, leg, "leg_rejected", at=at, code=leg.code, reason=leg.reason)
            announcements.reject(
                work, leg.allocation, code=leg.code, reason=leg.reason, at=at, **_which(leg)
            )
        case Broken(code, reason):
            _give_up(work, leg, code, reason, at)
        case Deferred(code, reason) if _is_hopeless(leg, answer):
            _give_up(work, leg, code, f"{reason} (attempt {leg.attempts})", at)
        case Deferred():
            _defer(work, leg, answer, at)


def _is_hopeless(leg: BookingLeg, answer: Deferred) -> bool:
    """Whether asking once more would be once too often; what only waits is asked for ever."""
    return answer.called and not answer.waits and leg.attempts >= ATTEMPTS_MAX


def _give_up(work: Unit, leg: BookingLeg, code: str, reason: str, at: datetime) -> None:
    leg.fail(code=code[:40], reason=reason)
    _tell(work, leg, "leg_failed", at=at, code=leg.code, reason=leg.reason)
    announcements.fail(work, leg.allocation, code=leg.code, reason=leg.reason, at=at, **_which(leg))


def _defer(work: Unit, leg: BookingLeg, answer: Deferred, at: datetime) -> None:
    """Bring the next attempt forward from the end of the lease to the end of the back-off."""
    if answer.called:
        leg.due_at = at + back_off(leg.id, leg.attempts)
    else:
        leg.due_at, leg.attempts = at, leg.attempts - 1
    leg.code, leg.reason = answer.code[:40], answer.reason[:200]
    _tell(work, leg, "leg_deferred", at=at, code=leg.code, reason=leg.reason, due_at=leg.due_at)


def _approve(
    work: Unit,
    allocations: Mapping[str, Allocation],
    settled: Iterable[BookingLeg],
    at: datetime,
) -> None:
    """Approve the complete allocations whose last leg has just been booked."""
    complete = [key for key, allocation in allocations.items() if allocation.complete]
    open_legs = BookingLeg.objects.filter(allocation_id__in=complete).exclude(status__in=LEG_DONE)
    unbooked: dict[str, set[str]] = {key: set() for key in complete}
    for leg_id, allocation_id in open_legs.values_list("id", "allocation_id"):
        unbooked[allocation_id].add(leg_id)
    for leg in settled:
        if leg.status in LEG_DONE and leg.allocation_id in unbooked:
            unbooked[leg.allocation_id].discard(leg.id)
    for key, left in unbooked.items():
        announcements.approve_when_booked(work, allocations[key], unbooked=left, at=at)


def _which(leg: BookingLeg) -> dict[str, Any]:
    return {
        "booking_id": leg.id,
        "account_allocation_id": leg.account_allocation_id,
        "custodian_id": leg.custodian_id,
    }


def _tell(work: Unit, leg: BookingLeg, event_type: str, *, at: datetime, **facts: Any) -> None:
    allocation = leg.allocation
    body = {**wire.names(allocation), **_which(leg), **facts}
    work.record(leg, event_type, body=body, order_id=allocation.order_id, at=at)
