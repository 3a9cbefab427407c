"""Calls to one custodian's settlement desk, several at once, every answer classified.

No database is touched here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from allocations.custodians.port import CustodianError, Refused
from allocations.custodians.settling import SettlementDesk, Taken, Withdrawn
from oms_site.kit import clock

log = logging.getLogger(__name__)
CONCURRENCY = 8
ROUND_SECONDS = 10.0  # no call of a round is begun later


@dataclass(frozen=True, slots=True)
class Deferred:
    """No answer that could be relied on; `called` is false when the desk was not even asked."""

    code: str
    reason: str
    called: bool = True


Answer: TypeAlias = Taken | Refused | Withdrawn | Deferred


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to be said: about which row, what was asked for, and how to say it."""

    row_id: str
    ask: str
    say: Callable[[SettlementDesk], Taken | Refused | Withdrawn]


def make(desk: SettlementDesk, planned: Sequence[Call]) -> dict[str, Answer]:
    """The answers by row. After the first sign of trouble no further call is begun."""
    trouble = threading.Event()
    until = clock.monotonic() + ROUND_SECONDS

    def one(call: Call) -> Answer:
        if trouble.is_set() or clock.monotonic() > until:
            return Deferred("not_asked", "the desk was in trouble before this one's turn", False)
        answer = _said(desk, call)
        if isinstance(answer, Deferred):
            trouble.set()
        return answer

    with ThreadPoolExecutor(min(CONCURRENCY, len(planned) or 1)) as pool:
        answers = list(pool.map(one, planned))
    return {call.row_id: answer for call, answer in zip(planned, answers, strict=True)}


def _said(desk: SettlementDesk, call: Call) -> Answer:
    try:
        return call.say(desk)
    except CustodianError as error:
        if error.permanent:
            return Refused(error.code, error.message)
        return Deferred(error.code, error.message)
    except Exception as error:  # one unreadable answer must not stop the others
        log.exception("%s: the desk's adapter broke", call.row_id)
        return Deferred("adapter_broken", repr(error))
