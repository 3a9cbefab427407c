"""The states of a control and of a review, and every legal step, as data."""

from __future__ import annotations

from enum import StrEnum


class Remediation(StrEnum):
    """What a failed control does to an order."""

    FLAG = "flag"
    REJECT = "reject"


class Outcome(StrEnum):
    """The verdict of one screening."""

    PASSED = "passed"
    FLAGGED = "flagged"
    REJECTED = "rejected"


class ControlStatus(StrEnum):
    """A control's life."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class ReviewStatus(StrEnum):
    """A review's life."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


R = ReviewStatus
REVIEW_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "review_approve": (frozenset({R.OPEN}), R.APPROVED),
    "review_reject": (frozenset({R.OPEN}), R.REJECTED),
    "review_expire": (frozenset({R.OPEN}), R.EXPIRED),
    "review_withdraw": (frozenset({R.OPEN}), R.WITHDRAWN),
}
CONTROL_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "control_activate": (
        frozenset({ControlStatus.DRAFT, ControlStatus.SUSPENDED}),
        ControlStatus.ACTIVE,
    ),
    "control_suspend": (frozenset({ControlStatus.ACTIVE}), ControlStatus.SUSPENDED),
    "control_retire": (
        frozenset({ControlStatus.DRAFT, ControlStatus.ACTIVE, ControlStatus.SUSPENDED}),
        ControlStatus.RETIRED,
    ),
}
