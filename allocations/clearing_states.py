"""The states of a report to a clearing party, and every legal step, as data."""

from __future__ import annotations

from enum import StrEnum


class ClearingStatus(StrEnum):
    """Where one report of one trade stands with one party: TrdRptStatus(939)."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DROPPED = "dropped"


C = ClearingStatus
CLEARING_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "clearing_accept": (frozenset({C.PENDING}), C.ACCEPTED),
    "clearing_reject": (frozenset({C.PENDING}), C.REJECTED),
    # What was rejected and put right is told again, under the same key.
    "clearing_requeue": (frozenset({C.REJECTED}), C.PENDING),
    # There is nothing to take back of what the party never took.
    "clearing_drop": (frozenset({C.PENDING}), C.DROPPED),
}
