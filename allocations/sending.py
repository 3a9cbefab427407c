"""Calls to custodians: many legs of one custodian at once, every answer classified. No database.

Called by the booking room outside any transaction. It never repeats a booking by itself: an answer
that got lost is asked for once, and everything else is left to the next attempt with the same key.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from allocations import adapters
from allocations.accounts import CustodianFacts
from allocations.custodians import asking
from allocations.custodians.asking import Deferred
from allocations.custodians.port import (
    Booked,
    BookingInstruction,
    Custodian,
    CustodianError,
    Refused,
)

log = logging.getLogger(__name__)

CONCURRENCY = 16  # calls to one custodian at a time


@dataclass(frozen=True, slots=True)
class Broken:
    """Repeating cannot help: a person must look."""

    code: str
    reason: str


Answer: TypeAlias = Booked | Refused | Broken | Deferred


def send(
    custodian: CustodianFacts, instructions: Sequence[BookingInstruction]
) -> dict[str, Answer]:
    """Book legs at one custodian, several at once; the answers by key. Raises nothing.

    After the first sign of trouble no further call is begun, so that a custodian that is down or
    slow costs one time limit and not one per leg.
    """
    try:
        adapter = adapters.of(custodian)
    except CustodianError as error:
        return {one.key: _classified(error) for one in instructions}

    def book(one: BookingInstruction) -> Answer:
        answer = _book(adapter, one)
        if isinstance(answer, Deferred):
            log.warning("%s: leg %s deferred: %s", custodian.id, one.leg_id, answer.reason)
        return answer

    return asking.each(instructions, book, key=lambda one: one.key, width=CONCURRENCY)


def _book(adapter: Custodian, one: BookingInstruction) -> Answer:
    try:
        answer = adapter.book(one)
    except CustodianError as error:
        unsure = error.in_doubt and not error.waits
        return (_found(adapter, one.key) if unsure else None) or _classified(error)
    except Exception as error:  # one unreadable answer must not stop the other legs
        log.exception("leg %s: the adapter broke", one.leg_id)
        return _found(adapter, one.key) or Deferred("adapter_broken", repr(error))
    if not isinstance(answer, Refused):
        return answer
    if not answer.permanent:
        return Deferred(answer.code, answer.reason)
    return asking.confirmed(answer, lambda: adapter.find(one.key))


def _found(adapter: Custodian, key: str) -> Booked | None:
    """What became of a booking whose answer got lost; None while that is unknown."""
    try:
        return adapter.find(key)
    except Exception:  # noqa: BLE001  the question is asked again with the next attempt
        log.warning("key %s: could not ask what became of it", key)
        return None


def _classified(error: CustodianError) -> Broken | Deferred:
    if error.permanent:
        return Broken(error.code, error.message)
    return asking.deferred(error)
