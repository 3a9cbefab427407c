"""Telling clearing parties what is due, each report under its own key however often it is repeated.

Claiming commits before the first call and answers are applied after the last, so nothing outside
happens in a transaction. What takes a report back waits until that one is answered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, TypeAlias

from django.db.models import Q

from allocations.clearing import arrangements, houses
from allocations.clearing.port import Clearer, TradeReport
from allocations.clearing.telling import tell
from allocations.clearing_states import ClearingStatus
from allocations.custodians import asking
from allocations.custodians.asking import Deferred, back_off
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Taken
from allocations.models import ClearingReport
from oms_site.firm import generation
from oms_site.journal import actors, draining, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from venues import instruments

log = logging.getLogger(__name__)
ROUND_ROWS = 64
CONCURRENCY = 8
LEASE = timedelta(seconds=30)
_by = actors.system("clearing")
_TYPES: dict[str, Literal["0", "1", "2"]] = {"new": "0", "cancel": "1", "replace": "2"}

Answer: TypeAlias = Taken | Refused | Deferred


def due_parties(*, at: datetime) -> list[str]:
    """The parties that are to be told something."""
    rows = ClearingReport.objects.filter(due_at__lte=at).order_by("party_id")
    return list(rows.values_list("party_id", flat=True).distinct())


def run_round(party_id: str, *, most: int = ROUND_ROWS) -> tuple[int, bool]:
    """Tell one party what is due; how many reports were claimed, and whether it is in trouble."""
    generation.check()
    planned: list[TradeReport] = []
    draining.safely(
        partial(_claim, party_id, most, planned),
        lambda key: _claim(party_id, 1, planned, [], key),
        aside=partial(_put_off, "not_said"),
    )
    if not planned:
        return 0, False
    answers = _call(party_id, planned)
    draining.safely(
        partial(_apply, answers),
        lambda key: _apply({key: answers[key]}, []),
        aside=partial(_put_off, "not_applied"),
    )
    return len(planned), any(isinstance(one, Deferred) for one in answers.values())


# --- claiming --------------------------------------------------------------------------------
def _claim(
    party_id: str, most: int, planned: list[TradeReport], taken: list[str], only: str = ""
) -> int:
    """Lease what is due and commit; what is to be said is added to `planned`."""
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        answered = Q(refers_to=None) | ~Q(refers_to__status=ClearingStatus.PENDING)
        rows = (
            ClearingReport.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
            .filter(answered, party_id=party_id, due_at__lte=at, **({"pk": only} if only else {}))
            .select_related("refers_to")
            .order_by("due_at", "id")[:most]
        )
        held = [work.hold(row) for row in rows]
        taken += [row.id for row in held]
        standing = _standing(held)
        said = [one for row in held if (one := _claimed(work, row, standing.get(row.id), at))]
    planned += said
    return len(held)


def _put_off(code: str, report_id: str, error: Exception) -> None:
    """What cannot be said, or whose answer cannot be applied, is asked again rarely."""
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        row = work.lock(ClearingReport, [report_id])[report_id]
        if row.status == ClearingStatus.PENDING:
            row.defer(
                until=at + draining.AGAIN, code=code, reason=f"{type(error).__name__}: {error}"
            )
            tell(work, row, "clearing_deferred", at=at, code=row.code, due_at=row.due_at)
    draining.tell("report", report_id, error, order_id=row.order_id)


def _standing(rows: Iterable[ClearingReport]) -> dict[str, ClearingReport]:
    """What each party has of the trade that a report speaks of, by the report's id.

    That is the latest one before it that was accepted: what was refused in between never took its
    place. Nothing stands behind a cancel. One statement for each step that somebody goes back.
    """
    found: dict[str, ClearingReport] = {}
    walking = {row.id: row.refers_to for row in rows if row.refers_to is not None}
    while walking:
        further: dict[str, str] = {}
        for key, former in walking.items():
            if former.status != ClearingStatus.ACCEPTED:
                if former.refers_to_id is not None:
                    further[key] = former.refers_to_id
            elif former.trans_type != ClearingReport.TransType.CANCEL:
                found[key] = former
        before = ClearingReport.objects.in_bulk(set(further.values()))
        walking = {key: before[former_id] for key, former_id in further.items()}
    return found


def _claimed(
    work: Unit, row: ClearingReport, former: ClearingReport | None, at: datetime
) -> TradeReport | None:
    if row.trans_type == ClearingReport.TransType.CANCEL and former is None:
        row.drop(reason="the party never took what this takes back", at=at)
        tell(work, row, "clearing_drop", at=at, reason=row.reason)
        return None
    row.lease(retry_at=at + LEASE)
    # What was never taken cannot be replaced: its correction is the first that the party hears.
    how = _TYPES[row.trans_type] if former else "0"
    tell(work, row, "clearing_sent", at=at, attempt=row.attempts, told_as=how)
    return _message(row, how, former.id if former else "")


def _message(row: ClearingReport, how: Literal["0", "1", "2"], refers_to: str) -> TradeReport:
    copied = (
        *("member", "exec_id", "venue", "counterparty", "qty", "price", "principal"),
        *("accrued_interest", "net_money", "currency", "trade_date", "settlement_date"),
    )
    return TradeReport(
        key=row.id,
        trans_type=how,
        refers_to=refers_to,
        cusip=instruments.by_id(row.instrument_id).cusip,
        side="1" if row.side == "buy" else "2",
        **{name: getattr(row, name) for name in copied},
    )


# --- calling ---------------------------------------------------------------------------------
def _call(party_id: str, planned: Sequence[TradeReport]) -> dict[str, Answer]:
    """The answers by key. After the first sign of trouble no further call is begun."""
    facts = arrangements.party(party_id)
    try:
        if facts is None:
            raise CustodianError("party_unknown", f"{party_id} is not known", permanent=True)
        clearer = houses.of(facts)
    except CustodianError as error:
        return {one.key: asking.deferred(error) for one in planned}
    return asking.each(planned, partial(_told, clearer), key=lambda one: one.key, width=CONCURRENCY)


def _told(clearer: Clearer, message: TradeReport) -> Answer:
    try:
        answer: Answer = clearer.report(message)
    except CustodianError as error:
        answer = _classified(error)
    except Exception as error:  # one unreadable answer must not stop the others
        log.exception("%s: the adapter broke", message.key)
        return Deferred("adapter_broken", repr(error))
    if not isinstance(answer, Refused):
        return answer
    # An earlier call whose answer got lost may have been taken.
    return asking.confirmed(answer, lambda: clearer.find(message.key))


def _classified(error: CustodianError) -> Refused | Deferred:
    return Refused(error.code, error.message) if error.permanent else asking.deferred(error)


# --- answers ---------------------------------------------------------------------------------
def _apply(answers: Mapping[str, Answer], taken: list[str]) -> int:
    """Apply what was answered; what another round has settled meanwhile stays as it is."""
    at = clock.now()
    taken += sorted(answers)
    with unit.work(by=_by, at=at) as work:
        for row in work.lock(ClearingReport, answers).values():
            if row.status == ClearingStatus.PENDING:
                _take(work, row, answers[row.id], at)
    return len(answers)


def _take(work: Unit, row: ClearingReport, answer: Answer, at: datetime) -> None:
    if isinstance(answer, Taken):
        row.accept(ref=answer.ref, at=at)
        tell(work, row, "clearing_accept", at=at, ref=row.ref)
    elif isinstance(answer, Refused):
        row.reject(code=answer.code, reason=answer.reason, at=at)
        tell(work, row, "clearing_reject", at=at, code=row.code, reason=row.reason)
    else:
        # Silence is no refusal, however long it lasts: the party may have taken the report.
        if not answer.called:
            row.attempts -= 1
        wait = back_off(row.id, row.attempts) if answer.called else timedelta()
        row.defer(until=at + wait, code=answer.code, reason=answer.reason)
        tell(work, row, "clearing_deferred", at=at, code=row.code, due_at=row.due_at)
