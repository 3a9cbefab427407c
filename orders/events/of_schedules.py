"""What happens to execution schedules and their slices."""

from __future__ import annotations

from orders.events.kinds import AUDIT, ORDER, SYSTEM, WHY, Kind

_SCHEDULE = (*ORDER, "schedule_id", "client_schedule_id")
_SLICE = (*_SCHEDULE, "slice", "amount", "due_time", "execution_order_id")
# What a share of the market was reckoned of, where the schedule has a cap.
_VOLUME = ("volume", "volume_note", "volume_since", "volume_until")
SCHEDULES = (
    Kind(
        "schedule_start",
        SYSTEM,
        "order",
        "It is worked by a schedule from now on; `slices` is the whole plan.",
        (*_SCHEDULE, "schedule", "slices"),
    ),
    Kind(
        "schedule_reject",
        SYSTEM,
        "order",
        "The schedule may not be; none was made.",
        (*ORDER, "client_schedule_id", "strategy", *WHY),
    ),
    Kind(
        "schedule_slice_send",
        SYSTEM,
        "order",
        "A due slice has become an execution order, with what earlier ones gave back.",
        (*_SLICE, "sent_amount", *_VOLUME, *WHY),
        ("ScheduleSlice.send",),
    ),
    Kind(
        "schedule_slice_skip",
        SYSTEM,
        "order",
        "Nothing was sent for a slice; its quantity is due with the next one.",
        (*_SLICE, "sent_amount", *_VOLUME, *WHY),
        ("ScheduleSlice.skip",),
    ),
    Kind(
        "schedule_slice_refuse",
        SYSTEM,
        "order",
        "A control refused a slice; its quantity is due with the next one.",
        (*_SLICE, "sent_amount", *_VOLUME, *WHY),
        ("ScheduleSlice.refuse",),
    ),
    Kind(
        "schedule_slice_end",
        AUDIT,
        "order",
        "The execution order of a slice is filled, or has given back its rest to the schedule.",
        (*_SLICE, "status", "reason"),
        ("ScheduleSlice.fill", "ScheduleSlice.give_back"),
    ),
    Kind(
        "schedule_pause",
        SYSTEM,
        "order",
        "No new slices go out until it is resumed; its end stays where it is.",
        (*_SCHEDULE, "reason"),
        ("Schedule.pause",),
    ),
    Kind(
        "schedule_resume",
        SYSTEM,
        "order",
        "Slices go out again, the next one at `next_time`.",
        (*_SCHEDULE, "next_time"),
        ("Schedule.resume",),
    ),
    Kind(
        "schedule_end",
        SYSTEM,
        "order",
        "It sends no more: done, over, stopped, or its order has ended. `status` says how.",
        (*_SCHEDULE, "status", "reason"),
        ("Schedule.finish", "Schedule.cancel", "Schedule.expire", "ScheduleSlice.skip"),
    ),
)
