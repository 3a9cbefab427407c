"""Telling clearing parties what is due, each report under its own key however often it is repeated.

Claiming commits before the first call and answers are applied after the last, so nothing outside
happens in a transaction. What takes a report back waits until that one is answered.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from django.db.models import Q

from allocations.clearing import arrangements, houses
from allocations.clearing.port import Clearer, TradeReport
from allocations.clearing.telling import tell
from allocations.clearing_states import ClearingStatus
from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import Taken
from allocations.models import ClearingReport
from oms_site.firm import generation
from oms_site.journal import actors, unit
from oms_site.journal.unit import Unit
from oms_site.kit import clock
from venues import instruments

log = logging.getLogger(__name__)
ROUND_ROWS = 64
CONCURRENCY = 8
ATTEMPTS_MAX = 50
LEASE = timedelta(seconds=30)
ROUND_SECONDS = 10.0  # no call of a round is begun later
BACK_OFF_SECONDS_MAX = 300.0
_by = actors.system("clearing")
_TYPES: dict[str, Literal["0", "1", "2"]] = {"new": "0", "cancel": "1", "replace": "2"}


@dataclass(frozen=True, slots=True)
class Deferred:
    """No answer that could be relied on; `called` is false when the party was not even asked."""

    code: str
    reason: str
    called: bool = True


Answer: TypeAlias = Taken | Refused | Deferred


def due_parties(*, at: datetime) -> list[str]:
    """The parties that are to be told something."""
    rows = ClearingReport.objects.filter(due_at__lte=at).order_by("party_id")
    return list(rows.values_list("party_id", flat=True).distinct())


def run_round(party_id: str, *, most: int = ROUND_ROWS) -> tuple[int, bool]:
    """Tell one party what is due; how many reports were claimed, and whether it is in trouble."""
    generation.check()
    planned = _claim(party_id, most=most)
    if not planned:
        return 0, False
    answers = _call(party_id, planned)
    _apply(answers)
    return len(planned), any(isinstance(one, Deferred) for one in answers.values())


# --- claiming --------------------------------------------------------------------------------
def _claim(party_id: str, *, most: int) -> list[TradeReport]:
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        answered = Q(refers_to=None) | ~Q(refers_to__status=ClearingStatus.PENDING)
        rows = (
            ClearingReport.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
            .filter(answered, party_id=party_id, due_at__lte=at)
            .select_related("refers_to")
            .order_by("due_at", "id")[:most]
        )
        return [message for row in rows if (message := _claimed(work, work.hold(row), at))]


def _claimed(work: Unit, row: ClearingReport, at: datetime) -> TradeReport | None:
    former = row.refers_to
    stands = former is not None and former.status == ClearingStatus.ACCEPTED
    if row.trans_type == ClearingReport.TransType.CANCEL and not stands:
        row.drop(reason="the party never took what this takes back", at=at)
        tell(work, row, "clearing_drop", at=at, reason=row.reason)
        return None
    row.lease(retry_at=at + LEASE)
    # What was never taken cannot be replaced: its correction is the first that the party hears.
    how = _TYPES[row.trans_type] if stands else "0"
    refers = former.id if former is not None and stands else ""
    tell(work, row, "clearing_sent", at=at, attempt=row.attempts, told_as=how)
    return _message(row, how, refers)


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
        return {one.key: _classified(error) for one in planned}
    trouble, until = threading.Event(), clock.monotonic() + ROUND_SECONDS

    def one(message: TradeReport) -> Answer:
        if trouble.is_set() or clock.monotonic() > until:
            return Deferred("not_asked", "the party was in trouble before this one's turn", False)
        answer = _told(clearer, message)
        if isinstance(answer, Deferred):
            trouble.set()
        return answer

    with ThreadPoolExecutor(min(CONCURRENCY, len(planned))) as pool:
        answers = list(pool.map(one, planned))
    return {message.key: answer for message, answer in zip(planned, answers, strict=True)}


def _told(clearer: Clearer, message: TradeReport) -> Answer:
    try:
        return clearer.report(message)
    except CustodianError as error:
        return _classified(error)
    except Exception as error:  # one unreadable answer must not stop the others
        log.exception("%s: the adapter broke", message.key)
        return Deferred("adapter_broken", repr(error))


def _classified(error: CustodianError) -> Refused | Deferred:
    return (Refused if error.permanent else Deferred)(error.code, error.message)


# --- answers ---------------------------------------------------------------------------------
def _apply(answers: Mapping[str, Answer]) -> None:
    """Apply what was answered; what another round has settled meanwhile stays as it is."""
    at = clock.now()
    with unit.work(by=_by, at=at) as work:
        for row in work.lock(ClearingReport, answers).values():
            if row.status == ClearingStatus.PENDING:
                _take(work, row, answers[row.id], at)


def _take(work: Unit, row: ClearingReport, answer: Answer, at: datetime) -> None:
    if isinstance(answer, Taken):
        row.accept(ref=answer.ref, at=at)
        tell(work, row, "clearing_accept", at=at, ref=row.ref)
    elif isinstance(answer, Refused):
        _reject(work, row, answer.code, answer.reason, at)
    elif answer.called and row.attempts >= ATTEMPTS_MAX:
        _reject(work, row, answer.code, f"{answer.reason} (attempt {row.attempts})", at)
    else:
        if not answer.called:
            row.attempts -= 1
        wait = _back_off(row.id, row.attempts) if answer.called else timedelta()
        row.defer(until=at + wait, code=answer.code, reason=answer.reason)
        tell(work, row, "clearing_deferred", at=at, code=row.code, due_at=row.due_at)


def _reject(work: Unit, row: ClearingReport, code: str, reason: str, at: datetime) -> None:
    row.reject(code=code, reason=reason, at=at)
    tell(work, row, "clearing_reject", at=at, code=row.code, reason=row.reason)


def _back_off(key: str, attempts: int) -> timedelta:
    """Doubling, capped, spread by a quarter either way by the report's id."""
    seconds = min(2.0 ** min(attempts - 1, 10), BACK_OFF_SECONDS_MAX)
    spread = zlib.crc32(f"{key}/{attempts}".encode()) % 1000 / 2000 - 0.25
    return timedelta(seconds=seconds * (1 + spread))
