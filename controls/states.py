"""The states of a control and of a review, and every legal step, as data."""

from __future__ import annotations

from enum import StrEnum


class Remediation(StrEnum):
    """What a failed control does to an order: tells, asks a person, or refuses."""

    WARN = "warn"
    FLAG = "flag"
    REJECT = "reject"


class Outcome(StrEnum):
    """The verdict of one screening."""

    PASSED = "passed"
    FLAGGED = "flagged"
    REJECTED = "rejected"


class ControlStatus(StrEnum):
    """The life of one version of a control."""

    DRAFT = "draft"
    PENDING_APPROVAL = "pending_approval"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Pending(StrEnum):
    """What one person has asked for and a second one has yet to decide; a facet, not a state."""

    NONE = ""
    ACTIVATE = "activate"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETIRE = "retire"


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
C = ControlStatus
CONTROL_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "control_submit": (frozenset({C.DRAFT}), C.PENDING_APPROVAL),
    "control_reject": (frozenset({C.PENDING_APPROVAL}), C.DRAFT),
    "control_approve": (frozenset({C.PENDING_APPROVAL}), C.ACTIVE),
    "control_suspend": (frozenset({C.ACTIVE}), C.SUSPENDED),
    "control_resume": (frozenset({C.SUSPENDED}), C.ACTIVE),
    "control_retire": (frozenset({C.DRAFT, C.ACTIVE, C.SUSPENDED}), C.RETIRED),
}


class GroupStatus(StrEnum):
    """An order group's life."""

    OPEN = "open"
    LOCKED = "locked"


GROUP_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "group_lock": (frozenset({GroupStatus.OPEN}), GroupStatus.LOCKED),
    "group_reset": (frozenset({GroupStatus.LOCKED}), GroupStatus.OPEN),
}


class OverrideStatus(StrEnum):
    """The life of an override: asked for by one person, given by another, used by one order."""

    REQUESTED = "requested"
    GRANTED = "granted"
    REFUSED = "refused"
    USED = "used"


OVERRIDE_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "override_grant": (frozenset({OverrideStatus.REQUESTED}), OverrideStatus.GRANTED),
    # Before it is used it may be taken back.
    "override_refuse": (
        frozenset({OverrideStatus.REQUESTED, OverrideStatus.GRANTED}),
        OverrideStatus.REFUSED,
    ),
    "override_use": (frozenset({OverrideStatus.GRANTED}), OverrideStatus.USED),
}


class HaltStatus(StrEnum):
    """A halt's life. It stops orders from `engaged` until it is `released`."""

    DISENGAGED = "disengaged"
    ENGAGED = "engaged"
    DRAINING = "draining"
    CONFIRMED_FLAT = "confirmed_flat"
    RELEASE_REQUESTED = "release_requested"
    RELEASED = "released"


H = HaltStatus
HALT_STANDING = frozenset({H.ENGAGED, H.DRAINING, H.CONFIRMED_FLAT, H.RELEASE_REQUESTED})
# Which of these a given halt may take depends on its kind, see `Halt`: one that cancels is released
# by two persons and only once it is flat; a breaker's lifts when its cause has gone.
HALT_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "halt_engage": (frozenset({H.DISENGAGED}), H.ENGAGED),
    "halt_drain": (frozenset({H.ENGAGED, H.CONFIRMED_FLAT}), H.DRAINING),
    "halt_confirm_flat": (frozenset({H.ENGAGED, H.DRAINING}), H.CONFIRMED_FLAT),
    "halt_request_release": (frozenset({H.ENGAGED, H.CONFIRMED_FLAT}), H.RELEASE_REQUESTED),
    "halt_release": (frozenset({H.RELEASE_REQUESTED}), H.RELEASED),
    "halt_lift": (frozenset({H.ENGAGED}), H.RELEASED),
}
