"""Execution schedules: what is worked how, and one row for every slice of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django_fsm import transition

from oms_site.firm.models import person_or_none
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow
from orders.models.execution_order import ExecutionOrder
from orders.models.order import Order
from orders.schedule_states import (
    SCHEDULE_OPEN,
    SCHEDULE_STEPS,
    SLICE_STEPS,
    ScheduleStatus,
    SliceStatus,
)
from venues.models import Venue

_OPEN = sorted(status.value for status in SCHEDULE_OPEN)


def _schedule(name: str) -> dict[str, Any]:
    sources, target = SCHEDULE_STEPS[f"schedule_{name}"]
    return {"source": list(sources), "target": target}


def _slice(name: str) -> dict[str, Any]:
    sources, target = SLICE_STEPS[f"slice_{name}"]
    return {"source": list(sources), "target": target}


class Schedule(LedgerRow):
    """An order's quantity worked in slices; the plan is made once and never changes.

    `next_at` is when somebody has to look at it again; it is None once it has ended. Quantities are
    the order's. `max_slice` bounds every slice with all that it catches up; `max_participation` and
    `randomize` are percentages.
    """

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="schedules", db_index=False
    )
    client_schedule_id = models.CharField(max_length=80, null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    origin = models.CharField(max_length=12)
    requested_by = person_or_none(constraint=False)
    strategy = models.CharField(max_length=24)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    venue = models.ForeignKey(
        Venue, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    max_slice = models.DecimalField(max_digits=20, decimal_places=6)
    max_participation = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    urgency = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    curve = models.CharField(max_length=60, blank=True)
    randomize = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal(0))
    seed = models.BigIntegerField(null=True, blank=True)
    remainder = models.CharField(max_length=5)
    completion = models.CharField(max_length=6)
    annotation = models.TextField(blank=True)
    created_at = models.DateTimeField()

    status = StateField(default=ScheduleStatus.WORKING.value, max_length=8)
    next_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("status", "next_at", "paused_at", "ended_at", "reason")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_schedule_id"],
                name="client_schedule_id_for_ever",
                condition=~Q(client_schedule_id=None),
            ),
            models.UniqueConstraint(
                fields=["order"],
                name="one_open_schedule_of_an_order",
                condition=Q(status__in=_OPEN),
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ScheduleStatus]),
                name="schedule_status_known",
            ),
            models.CheckConstraint(
                condition=Q(qty__gt=0) & Q(max_slice__gt=0) & Q(end_at__gt=F("start_at")),
                name="schedule_terms",
            ),
            models.CheckConstraint(
                condition=(Q(status__in=_OPEN) & Q(next_at__isnull=False))
                | (~Q(status__in=_OPEN) & Q(next_at=None)),
                name="schedule_open_is_looked_at",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], name="schedule_due", condition=~Q(next_at=None)),
            models.Index(fields=["order", "created_at"], name="schedules_of_order"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether it may still send slices, now or once it is resumed."""
        return self.status in SCHEDULE_OPEN

    def wait(self, *, until: datetime) -> None:
        """What was due is done; somebody has to look again then."""
        self.next_at = until

    @transition(field=status, **_schedule("pause"))
    def pause(self, *, at: datetime, reason: str) -> None:
        """No new slices until it is resumed; its time goes on."""
        self.paused_at, self.next_at, self.reason = at, self.end_at, reason[:300]

    @transition(field=status, **_schedule("resume"))
    def resume(self, *, next_at: datetime) -> None:
        """Slices go out again, one at a time: what was missed is caught up within the limits."""
        self.paused_at, self.next_at, self.reason = None, next_at, ""

    @transition(field=status, **_schedule("finish"))
    def finish(self, *, at: datetime, reason: str) -> None:
        """Everything is done, or its time is over."""
        self._end(at, reason)

    @transition(field=status, **_schedule("cancel"))
    def cancel(self, *, at: datetime, reason: str) -> None:
        """It was stopped: by a person, with its order, or by a halt."""
        self._end(at, reason)

    @transition(field=status, **_schedule("expire"))
    def expire(self, *, at: datetime, reason: str) -> None:
        """Its time was over while it was paused, or its order has expired."""
        self._end(at, reason)

    def _end(self, at: datetime, reason: str) -> None:
        self.ended_at, self.next_at, self.paused_at, self.reason = at, None, None, reason[:300]


class ScheduleSlice(LedgerRow):
    """One slice: what was planned, and the one execution order that it became.

    `sent_qty` may exceed the planned quantity by what earlier slices gave back.
    """

    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, related_name="slices", db_index=False
    )
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField()
    qty = models.DecimalField(max_digits=20, decimal_places=6)

    status = StateField(default=SliceStatus.PLANNED.value, max_length=8)
    execution_order = models.OneToOneField(
        ExecutionOrder,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="schedule_slice",
    )
    sent_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "execution_order_id",
        "sent_qty",
        "closed_at",
        "reason",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "number"], name="slice_numbered_once"),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in SliceStatus]), name="slice_status_known"
            ),
            models.CheckConstraint(condition=Q(qty__gt=0), name="slice_qty_positive"),
            models.CheckConstraint(
                condition=(
                    Q(status__in=["sent", "filled", "returned"])
                    & Q(execution_order__isnull=False)
                    & Q(sent_qty__gt=0)
                )
                | (
                    Q(status__in=["planned", "skipped", "refused"])
                    & Q(execution_order=None)
                    & Q(sent_qty=None)
                ),
                name="slice_sent_is_an_execution_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id}/{self.number}"

    @transition(field=status, **_slice("send"))
    def send(self, *, execution_order_id: str, qty: Decimal, note: str = "") -> None:
        """It has become an execution order, which it is for ever; `note` is what to know of it."""
        self.execution_order_id, self.sent_qty = execution_order_id, qty
        self.reason = note[:300]

    @transition(field=status, **_slice("skip"))
    def skip(self, *, at: datetime, reason: str) -> None:
        """Nothing was sent for it: missed, paused, caught up already or over."""
        self.closed_at, self.reason = at, reason[:300]

    @transition(field=status, **_slice("refuse"))
    def refuse(self, *, at: datetime, reason: str) -> None:
        """A control refused it; its quantity is due with the next one."""
        self.closed_at, self.reason = at, reason[:300]

    @transition(field=status, **_slice("fill"))
    def fill(self, *, at: datetime) -> None:
        """All that was sent is filled."""
        self.closed_at = at

    @transition(field=status, **_slice("give_back"))
    def give_back(self, *, at: datetime, reason: str) -> None:
        """Its execution order has ended unfilled or in part; the rest is the schedule's again."""
        self.closed_at, self.reason = at, reason[:300]
