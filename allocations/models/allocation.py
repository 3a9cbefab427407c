"""How the fills of one order are split over accounts, and what each custodian must book."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django_fsm import transition

from allocations.models.account import Account, Custodian
from allocations.models.arrangement import BookingConfiguration
from allocations.states import (
    ALLOCATION_STEPS,
    COUNTED_MAX,
    LEG_STEPS,
    AllocationStatus,
    LegStatus,
)
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow
from venues.models import Instrument

_UNSENT = "not_sent_yet"  # woken, and still never sent


def _allocation(step: str) -> dict[str, Any]:
    sources, target = ALLOCATION_STEPS[step]
    return {"source": list(sources), "target": target}


def _leg(step: str) -> dict[str, Any]:
    sources, target = LEG_STEPS[step]
    return {"source": list(sources), "target": target}


class Allocation(LedgerRow):
    """The basis (who, how much, by which strategy) and how far it has come.

    `order_id` is the order's id as plain text: this floor does not know orders. An implicit
    allocation is made at the first fill of an order for a single account. One that was entered
    after the fact names its `entry`. `release` says when legs are queued, empty as the strategy
    does; a rule, or a person, has let the first of them go at `released_at`.
    """

    order_id = models.CharField(max_length=40, unique=True)
    client_allocation_id = models.CharField(max_length=80, null=True, blank=True)
    strategy = models.CharField(max_length=32)
    implicit = models.BooleanField(default=False)
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    custodian = models.ForeignKey(
        Custodian, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    side = models.CharField(max_length=4)
    requested_qty = models.DecimalField(max_digits=20, decimal_places=6)
    created_at = models.DateTimeField()
    entry = models.ForeignKey(
        "allocations.PostTradeEntry",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    release = models.CharField(max_length=5, default="", blank=True)

    status = StateField(default=AllocationStatus.CREATED.value, max_length=12)
    actual_qty = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    complete = models.BooleanField(default=False)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    revision = models.PositiveSmallIntegerField(default=0)
    released_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "requested_qty",
        "status",
        "actual_qty",
        "complete",
        "code",
        "reason",
        "revision",
        "released_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_allocation_id"],
                name="client_allocation_id_for_ever",
                condition=~Q(client_allocation_id=None),
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in AllocationStatus]),
                name="allocation_status_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "created_at", "id"],
                name="allocation_held_by_hand",
                condition=Q(release="hand", released_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.id

    @transition(field=status, **_allocation("allocation_calculate"))
    def calculate(self, *, actual_qty: Any, complete: bool) -> None:
        """The engine split what has been executed so far; `complete` when no more will come."""
        self.actual_qty = actual_qty
        self.complete = complete

    @transition(field=status, **_allocation("allocation_submit"))
    def submit(self) -> None:
        """Its legs are queued for the custodian."""
        self.code = self.reason = ""

    @transition(field=status, **_allocation("allocation_approve"))
    def approve(self) -> None:
        """Every leg is booked and no more will come."""

    @transition(field=status, **_allocation("allocation_reject"))
    def reject(self, *, code: str, reason: str) -> None:
        """A custodian refused a leg."""
        self.code, self.reason = code, reason[:200]

    @transition(field=status, **_allocation("allocation_fail"))
    def fail(self, *, code: str, reason: str) -> None:
        """Calculating or booking broke down and a person must look."""
        self.code, self.reason = code, reason[:200]

    @transition(field=status, **_allocation("allocation_cancel"))
    def cancel(self) -> None:
        """Withdrawn before anything was sent to a custodian."""

    @transition(field=status, **_allocation("allocation_reverse"))
    def reverse(self) -> None:
        """Fills that had been split were taken back: the next version begins."""
        self.revision += 1
        self.code = self.reason = ""


class AccountAllocation(LedgerRow):
    """One account's part of an allocation: what was asked for and what it got."""

    allocation = models.ForeignKey(
        Allocation, on_delete=models.PROTECT, related_name="accounts", db_index=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    client_account_allocation_id = models.CharField(max_length=80, blank=True)
    position = models.PositiveSmallIntegerField()
    requested_qty = models.DecimalField(max_digits=20, decimal_places=6)

    actual_qty = models.DecimalField(max_digits=20, decimal_places=6, default=0)

    MUTABLE: ClassVar[tuple[str, ...]] = ("requested_qty", "actual_qty")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["allocation", "account"], name="account_once_per_allocation"
            ),
            models.CheckConstraint(condition=Q(requested_qty__gt=0), name="requested_qty_positive"),
        ]

    def __str__(self) -> str:
        return self.id


class BookingLeg(LedgerRow):
    """One booking at one custodian: an account's share of the fills at one price.

    Its id is the custodian's idempotency key, so a leg can be sent again and is booked once.
    `due_at` makes the table the queue; a queued leg without it waits for a reversal to be booked.
    A leg that names another in `reverses` takes that one back: same terms, the other side.
    `booked_account` is set where a repair has it booked to another account than its client's.
    """

    account_allocation = models.ForeignKey(
        AccountAllocation, on_delete=models.PROTECT, related_name="legs", db_index=False
    )
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="legs")
    custodian = models.ForeignKey(
        Custodian, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sequence = models.PositiveIntegerField()
    source_ids = models.JSONField(default=list)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=24, decimal_places=10)
    principal = models.DecimalField(max_digits=20, decimal_places=2)
    accrued_interest = models.DecimalField(max_digits=20, decimal_places=2)
    fees = models.DecimalField(max_digits=20, decimal_places=2)
    net_money = models.DecimalField(max_digits=20, decimal_places=2)
    trade_date = models.DateField()
    settlement_date = models.DateField()
    created_at = models.DateTimeField()
    reverses = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    revision = models.PositiveSmallIntegerField(default=0)
    booked_account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    configuration = models.ForeignKey(
        BookingConfiguration,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

    status = StateField(default=LegStatus.QUEUED.value, max_length=10)
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    booking_ref = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "due_at",
        "attempts",
        "booking_ref",
        "code",
        "reason",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account_allocation", "sequence"], name="leg_once_per_sequence"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in LegStatus]), name="leg_status_known"
            ),
            models.CheckConstraint(condition=Q(qty__gt=0), name="leg_qty_positive"),
            models.UniqueConstraint(
                fields=["reverses"], name="leg_reversed_once", condition=~Q(reverses=None)
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="leg_due", condition=~Q(due_at=None)),
            models.Index(
                fields=["organization", "created_at", "id"],
                name="leg_open",
                condition=Q(status__in=["failed", "queued", "rejected", "sent"]),
            ),
            # They come in the order of their days, so which pages hold a day costs nothing to keep.
            BrinIndex(fields=["trade_date"], name="legs_of_a_day", autosummarize=True),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def was_sent(self) -> bool:
        """Whether any custodian may have heard of it: a leg's first version is only queued."""
        return self.version > 1 and not (
            self.status == LegStatus.QUEUED and self.attempts == 0 and self.code == _UNSENT
        )

    def wake(self, *, due_at: datetime) -> None:
        """What it waited for is booked: it may be sent now."""
        self.due_at, self.code = due_at, _UNSENT

    @transition(field=status, **_leg("leg_send"))
    def send(self, *, retry_at: datetime) -> None:
        """About to be sent; tried again at `retry_at` unless an answer comes first."""
        self.attempts = min(self.attempts + 1, COUNTED_MAX)
        self.due_at = retry_at

    @transition(field=status, **_leg("leg_book"))
    def book(self, *, booking_ref: str) -> None:
        """The custodian has it."""
        self.booking_ref, self.due_at = booking_ref, None
        self.code = self.reason = ""

    @transition(field=status, **_leg("leg_reject"))
    def reject(self, *, code: str, reason: str) -> None:
        """The custodian refused it."""
        self.code, self.reason, self.due_at = code, reason[:200], None

    @transition(field=status, **_leg("leg_fail"))
    def fail(self, *, code: str, reason: str) -> None:
        """Out of attempts: waits for a person."""
        self.code, self.reason, self.due_at = code, reason[:200], None

    @transition(field=status, **_leg("leg_requeue"))
    def requeue(self, *, due_at: datetime) -> None:
        """A person asked for another try; the idempotency key stays the same."""
        self.due_at, self.attempts = due_at, 0

    @transition(field=status, **_leg("leg_cancel"))
    def cancel(self, *, reason: str) -> None:
        """Not wanted any more, and no custodian has it."""
        self.due_at, self.reason = None, reason[:200]
