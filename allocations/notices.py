"""Telling custodians of money and securities that move without a trade: deposits, coupons, splits.

The database queues them, this room alone moves the queue. Claiming commits before the first call
and answers are noted after the last. A movement's own id is its key at the custodian, so it counts
there once; corrections are not told, as they bring our books to what the custodian has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from django.db import transaction

from allocations import accounts, adapters
from allocations.custodians import asking
from allocations.custodians.asking import Deferred, back_off
from allocations.custodians.port import Booked, Custodian, CustodianError, Notice, Refused
from allocations.models import Movement, MovementNotice
from oms_site.firm import generation
from oms_site.journal import draining
from oms_site.kit import clock
from venues import instruments

LEASE = timedelta(seconds=30)
ROUND_ROWS, ROUNDS_MOST = 64, 20
CONCURRENCY = 8
Answer: TypeAlias = Booked | Refused | Deferred


def turn(custodian_id: str) -> int:
    """Tell one custodian what is due until nothing is, or it is in trouble; how many were told."""
    generation.check()
    told = 0
    for _ in range(ROUNDS_MOST):
        claimed = _claim(custodian_id)
        if not claimed:
            break
        answers = _tell(custodian_id, claimed)
        _note(answers)
        told += len(claimed)
        if any(isinstance(one, Deferred) for one in answers.values()):
            break
    return told


def _claim(custodian_id: str) -> list[Notice]:
    """Take due notices, oldest first; they are due again when the lease ends. Commits."""
    at = clock.now()
    with transaction.atomic():
        rows = MovementNotice.objects.select_for_update(skip_locked=True, no_key=True)
        due = list(
            rows.filter(custodian_id=custodian_id, due_at__lte=at).order_by("id")[:ROUND_ROWS]
        )
        if not due:
            return []
        for row in due:
            row.attempts, row.due_at = min(row.attempts + 1, 32_000), at + LEASE
        MovementNotice.objects.bulk_update(due, ["attempts", "due_at"])
    moved = Movement.objects.in_bulk([row.movement_id for row in due])
    said: list[Notice] = []

    def put_into_words(row: MovementNotice) -> int:
        said.append(_notice(moved[row.movement_id]))
        return 1

    draining.each(due, put_into_words, aside=lambda row, error: _put_off(row.movement_id, error))
    return said


def _put_off(movement_id: str, error: Exception) -> None:
    """What cannot be said or noted waits, and people are told; it holds up no other."""
    draining.tell("notice", movement_id, error)
    why = f"{type(error).__name__}: {error}"[:200]
    rows = MovementNotice.objects.filter(movement_id=movement_id, answered_at=None)
    rows.update(due_at=clock.now() + draining.AGAIN, reason=why)


def _notice(one: Movement) -> Notice:
    account = accounts.find_account(one.organization_id, one.account_id)
    assert account is not None, "only accounts with a row have notices"
    security = "" if one.instrument_id is None else instruments.by_id(one.instrument_id).cusip
    return Notice(
        key=one.id,
        account=account.outside_code,
        kind=str(one.kind),
        currency=one.currency,
        cash=one.cash,
        trade_date=one.trade_date,
        settlement_date=one.settlement_date,
        cusip=security,
        qty=one.qty,
    )


def _tell(custodian_id: str, claimed: Sequence[Notice]) -> dict[str, Answer]:
    facts = accounts.find_custodian(custodian_id)
    try:
        if facts is None:
            raise CustodianError("custodian_unknown", f"{custodian_id} is not known")
        adapter = adapters.of(facts)
    except CustodianError as error:
        return {one.key: asking.deferred(error) for one in claimed}
    return asking.each(claimed, partial(_told, adapter), key=lambda one: one.key, width=CONCURRENCY)


def _told(adapter: Custodian, one: Notice) -> Answer:
    return asking.answered(partial(adapter.note, one), key=one.key)


def _note(answers: Mapping[str, Answer]) -> None:
    """Note what was answered; what cannot be noted counts as no answer and is asked for again."""
    draining.safely(
        partial(_close, answers), lambda key: _close({key: answers[key]}, []), aside=_put_off
    )


def _close(answers: Mapping[str, Answer], taken: list[str]) -> int:
    """Note answers at once; what another round has settled meanwhile stays as it is."""
    at = clock.now()
    taken += sorted(answers)
    with transaction.atomic():
        rows = MovementNotice.objects.select_for_update(no_key=True).filter(movement__in=answers)
        waiting = [row for row in rows.order_by("id") if row.due_at is not None]
        for row in waiting:
            answer = answers[row.movement_id]
            if isinstance(answer, Deferred):
                if not answer.called:
                    row.attempts -= 1
                wait = back_off(row.movement_id, row.attempts) if answer.called else timedelta()
                row.due_at, row.reason = at + wait, answer.reason[:200]
            elif isinstance(answer, Refused):
                row.due_at, row.answered_at = None, at
                row.code, row.reason = answer.code[:40], answer.reason[:200]
            else:
                row.due_at, row.answered_at = None, at
                row.ref, row.reason = answer.booking_ref[:80], ""
        names = ["attempts", "due_at", "answered_at", "ref", "code", "reason"]
        MovementNotice.objects.bulk_update(waiting, names)
    return len(waiting)
