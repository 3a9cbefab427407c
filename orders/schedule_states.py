"""The states of execution schedules and of their slices, and every legal step, as data."""

from __future__ import annotations

from enum import StrEnum


class ScheduleStatus(StrEnum):
    """How far a schedule has come; what its slices do at venues is theirs."""

    WORKING = "working"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELED = "canceled"
    EXPIRED = "expired"


class SliceStatus(StrEnum):
    """What became of a slice: sent as one execution order, passed over, or refused."""

    PLANNED = "planned"
    SENT = "sent"
    FILLED = "filled"
    RETURNED = "returned"
    SKIPPED = "skipped"
    REFUSED = "refused"


S, L = ScheduleStatus, SliceStatus
SCHEDULE_OPEN = frozenset({S.WORKING, S.PAUSED})
SCHEDULE_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "schedule_pause": (frozenset({S.WORKING}), S.PAUSED),
    "schedule_resume": (frozenset({S.PAUSED}), S.WORKING),
    "schedule_finish": (SCHEDULE_OPEN, S.FINISHED),
    "schedule_cancel": (SCHEDULE_OPEN, S.CANCELED),
    "schedule_expire": (SCHEDULE_OPEN, S.EXPIRED),
}
SLICE_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "slice_send": (frozenset({L.PLANNED}), L.SENT),
    "slice_skip": (frozenset({L.PLANNED}), L.SKIPPED),
    "slice_refuse": (frozenset({L.PLANNED}), L.REFUSED),
    "slice_fill": (frozenset({L.SENT}), L.FILLED),
    "slice_give_back": (frozenset({L.SENT}), L.RETURNED),
}
