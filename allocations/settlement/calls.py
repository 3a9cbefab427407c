"""Calls to one custodian's settlement desk, several at once, every answer classified.

No database is touched here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from allocations.custodians import asking
from allocations.custodians.asking import Deferred
from allocations.custodians.port import Refused
from allocations.custodians.settling import Taken, Withdrawn

CONCURRENCY = 8

Answer: TypeAlias = Taken | Refused | Withdrawn | Deferred


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to be said: about which row, what was asked for, and how to say it."""

    row_id: str
    ask: str
    say: Callable[[Any], Taken | Refused | Withdrawn]


def make(desk: Any, planned: Sequence[Call]) -> dict[str, Answer]:
    """The answers by row. After the first sign of trouble no further call is begun.

    `desk` is a custodian's, or a matching service: each call knows what to say to it.
    """

    def say(call: Call) -> Answer:
        return _said(desk, call)

    return asking.each(planned, say, key=lambda call: call.row_id, width=CONCURRENCY)


def _said(desk: Any, call: Call) -> Answer:
    return asking.answered(partial(call.say, desk), key=call.row_id)
