"""The shapes of execution schedules for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from oms_site.api.bricks import decimal, moment, shape, text
from orders.requests import SCHEDULED

Amount = shape(
    "ScheduleAmount",
    type=s.ChoiceField(["par", "shares"], required=False),
    value=decimal(required=False),
    par=decimal(required=False),
    shares=decimal(required=False),
)
_PARAMETERS: dict[str, Any] = {
    "start_time": s.DateTimeField(required=False, help_text="now, where it is past or absent"),
    "end_time": s.DateTimeField(required=False, help_text="the session's end, where absent"),
    "slices": s.IntegerField(required=False, min_value=1, max_value=500),
    "max_slice": decimal(required=False, help_text="with all that it catches up"),
    "max_participation": decimal(
        required=False,
        help_text="percent of all that trades by the tape while it works, its own fills included",
    ),
    "urgency": decimal(required=False, help_text="of implementation_shortfall: 0 to 20"),
    "randomize": decimal(required=False, help_text="percent of size and of time, 50 at most"),
    "seed": s.IntegerField(required=False, help_text="the same seed makes the same plan"),
    "remainder": s.ChoiceField(["carry", "keep"], default="carry"),
    "completion": s.ChoiceField(["cancel", "leave"], default="cancel"),
}
Parameters = shape("ScheduleParameters", **_PARAMETERS)
EXTENSION: dict[str, Any] = {
    "algorithm": text(max_length=40, help_text="one of the venue's algorithms"),
    "venue_parameters": s.DictField(
        child=s.CharField(max_length=64),
        required=False,
        help_text="what only this venue knows, by its names; unknown ones are refused",
    ),
}
ScheduleRequest = shape(
    "ScheduleRequest",
    strategy=s.ChoiceField(SCHEDULED),
    amount=Amount(required=False, help_text="all that is free, where absent"),
    limit_price=decimal(required=False, allow_null=True),
    venue_id=text(),
    client_schedule_id=text(max_length=80),
    annotation=text(max_length=2000),
    **EXTENSION,
    **_PARAMETERS,
)
CancelResting = shape("ScheduleCancelResting", cancel_resting=s.BooleanField(required=False))
_SLICE = shape(
    "ScheduleSlice",
    number=s.IntegerField(),
    due_time=s.DateTimeField(),
    amount=Amount(),
    status=s.ChoiceField(["planned", "sent", "filled", "returned", "skipped", "refused"]),
    reason=s.CharField(allow_null=True),
    execution_order_id=s.CharField(allow_null=True),
    execution_order_status=s.CharField(allow_null=True),
    sent_amount=Amount(),
    filled_amount=Amount(),
)
Schedule = shape(
    "Schedule",
    schedule_id=s.CharField(),
    client_schedule_id=s.CharField(allow_null=True),
    order_id=s.CharField(),
    strategy=s.ChoiceField(SCHEDULED),
    origin=s.ChoiceField(["request", "instruction", "ruleset"]),
    amount=Amount(),
    start_time=s.DateTimeField(),
    end_time=s.DateTimeField(),
    limit_price=decimal(allow_null=True),
    venue_id=s.CharField(allow_null=True),
    max_slice=decimal(),
    max_participation=decimal(allow_null=True),
    urgency=decimal(allow_null=True),
    curve=s.CharField(allow_null=True),
    randomize=decimal(),
    seed=s.IntegerField(allow_null=True),
    remainder=s.ChoiceField(["carry", "keep"]),
    completion=s.ChoiceField(["cancel", "leave"]),
    annotation=s.CharField(allow_null=True),
    algorithm=s.CharField(allow_null=True),
    venue_parameters=s.DictField(child=s.CharField(), allow_null=True),
    created_at=s.DateTimeField(),
    status=s.ChoiceField(["working", "paused", "finished", "canceled", "expired"]),
    reason=s.CharField(allow_null=True),
    paused_at=moment(),
    ended_at=moment(),
    next_time=moment(),
    target_amount=Amount(),
    filled_amount=Amount(),
    working_amount=Amount(),
    slices=s.ListField(child=_SLICE()),
)
Schedules = shape("Schedules", schedules=s.ListField(child=Schedule()))
