"""The states of an allocation and of a booking leg, and every legal step, as data."""

from __future__ import annotations

from enum import StrEnum

# Where a count of attempts stops: a small integer holds it, and what waits is asked for ever.
COUNTED_MAX = 32767


class AllocationStatus(StrEnum):
    """An allocation's life; names as in the guide's events."""

    CREATED = "created"
    CALCULATED = "calculated"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELED = "canceled"
    REVERSED = "reversed"


class LegStatus(StrEnum):
    """A booking leg at its custodian."""

    QUEUED = "queued"
    SENT = "sent"
    BOOKED = "booked"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELED = "canceled"
    # Booked by somebody else: ours to count, nobody's to be told.
    ELSEWHERE = "elsewhere"


A = AllocationStatus
ALLOCATION_STEPS: dict[str, tuple[frozenset[str], str]] = {
    # A late share reopens even an approved allocation: the fact is booked, whatever we believed.
    "allocation_calculate": (
        frozenset({A.CREATED, A.CALCULATED, A.SUBMITTED, A.APPROVED, A.REVERSED}),
        A.CALCULATED,
    ),
    "allocation_submit": (
        frozenset({A.CALCULATED, A.SUBMITTED, A.FAILED, A.REJECTED, A.REVERSED}),
        A.SUBMITTED,
    ),
    "allocation_approve": (frozenset({A.SUBMITTED}), A.APPROVED),
    "allocation_reject": (
        frozenset({A.SUBMITTED, A.CALCULATED, A.APPROVED, A.REVERSED}),
        A.REJECTED,
    ),
    "allocation_fail": (
        frozenset({A.CREATED, A.SUBMITTED, A.CALCULATED, A.APPROVED, A.REVERSED}),
        A.FAILED,
    ),
    "allocation_cancel": (frozenset({A.CREATED, A.CALCULATED}), A.CANCELED),
    # Something that had been split was taken back: legs are reversed, the next version begins.
    "allocation_reverse": (
        frozenset({A.CALCULATED, A.SUBMITTED, A.APPROVED, A.REJECTED, A.FAILED, A.REVERSED}),
        A.REVERSED,
    ),
}
LEG_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "leg_send": (frozenset({LegStatus.QUEUED, LegStatus.SENT}), LegStatus.SENT),
    "leg_book": (frozenset({LegStatus.SENT}), LegStatus.BOOKED),
    "leg_reject": (frozenset({LegStatus.SENT}), LegStatus.REJECTED),
    "leg_fail": (frozenset({LegStatus.SENT}), LegStatus.FAILED),
    "leg_requeue": (frozenset({LegStatus.REJECTED, LegStatus.FAILED}), LegStatus.QUEUED),
    # Only what no custodian of ours can have booked: never sent, or refused for certain.
    "leg_cancel": (
        frozenset({LegStatus.QUEUED, LegStatus.REJECTED, LegStatus.ELSEWHERE}),
        LegStatus.CANCELED,
    ),
}
# Nothing more will be said about a leg in these.
LEG_DONE = frozenset({LegStatus.BOOKED, LegStatus.CANCELED, LegStatus.ELSEWHERE})
CLOSED = frozenset({A.APPROVED, A.CANCELED, A.REVERSED})
