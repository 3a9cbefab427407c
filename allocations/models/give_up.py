"""Shares that another firm clears, and accounts that a block went on without."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from allocations.models.account import Account, Custodian
from allocations.models.allocation import Allocation, BookingLeg
from oms_site.firm.models import person, person_or_none
from oms_site.journal.rows import LedgerFact, LedgerRow


class GiveUp(LedgerRow):
    """A booked share that another firm is to clear: AllocType(626) 17, 18 and 19.

    Asked for by one person and agreed by another. Agreeing takes the booked leg back and books the
    same shares and money again: `qty` of them as the clearing leg at `clearing_firm`, the rest
    where they were. The firm takes it up by booking that leg, or refuses by rejecting it.
    """

    class Kind(models.TextChoices):
        GIVE_UP = "give_up", "given up: all of the booking"
        STEP_OUT = "step_out", "stepped out: a part of the booking"

    class Status(models.TextChoices):
        REQUESTED = "requested"
        REFUSED = "refused"
        GIVEN = "given"
        TAKEN_UP = "taken_up"
        TURNED_DOWN = "turned_down"

    allocation = models.ForeignKey(
        Allocation, on_delete=models.PROTECT, related_name="give_ups", db_index=False
    )
    leg = models.ForeignKey(
        BookingLeg, on_delete=models.PROTECT, related_name="give_ups", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    clearing_firm = models.ForeignKey(
        Custodian, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    reason = models.CharField(max_length=300)
    maker = person()
    requested_at = models.DateTimeField()

    status = models.CharField(max_length=11, choices=Status.choices, default=Status.REQUESTED)
    checker = person_or_none()
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    clearing_leg = models.OneToOneField(
        BookingLeg,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="clears",
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "checker_id",
        "decided_at",
        "note",
        "clearing_leg_id",
        "answered_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["leg"], name="one_give_up", condition=~Q(status="refused")
            ),
            models.CheckConstraint(condition=Q(qty__gt=0), name="give_up_positive"),
            models.CheckConstraint(
                condition=Q(checker=None) | ~Q(checker=F("maker")),
                name="give_up_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=Q(status="requested", checker=None, decided_at=None, clearing_leg=None)
                | Q(
                    status="refused",
                    checker__isnull=False,
                    decided_at__isnull=False,
                    clearing_leg=None,
                )
                | Q(
                    status__in=["given", "taken_up", "turned_down"],
                    checker__isnull=False,
                    decided_at__isnull=False,
                    clearing_leg__isnull=False,
                ),
                name="give_up_is_decided_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="give_up_says_why"),
        ]
        indexes = [
            models.Index(fields=["organization", "requested_at", "id"], name="give_up_list"),
            models.Index(
                fields=["organization", "requested_at", "id"],
                name="give_up_waiting",
                condition=Q(status__in=["given", "requested", "turned_down"]),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether it waits for a second person."""
        return self.status == self.Status.REQUESTED

    def refuse(self, *, user_id: int, note: str, at: datetime) -> None:
        """Another person does not agree."""
        self.status = self.Status.REFUSED
        self.checker_id, self.decided_at, self.note = user_id, at, note[:300]

    def give(self, *, clearing_leg_id: str, user_id: int, note: str, at: datetime) -> None:
        """Another person agrees; the clearing leg is queued."""
        self.status, self.clearing_leg_id = self.Status.GIVEN, clearing_leg_id
        self.checker_id, self.decided_at, self.note = user_id, at, note[:300]

    def answer(self, *, taken: bool, at: datetime) -> None:
        """The clearing firm's word: its booking, or its refusal."""
        self.status = self.Status.TAKEN_UP if taken else self.Status.TURNED_DOWN
        self.answered_at = at


class DroppedAccount(LedgerFact):
    """An account that a block went on without: AllocStatus(87) 2, rejected at account level.

    `screening_id` is the look at the whole block that refused it; the allocation's own accounts
    and these together are what was asked for.
    """

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="dropped")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    client_account_allocation_id = models.CharField(max_length=80, blank=True)
    position = models.PositiveSmallIntegerField()
    requested_qty = models.DecimalField(max_digits=20, decimal_places=6)
    screening_id = models.CharField(max_length=40)
    code = models.CharField(max_length=60)
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["allocation", "account"], name="account_dropped_once"),
            models.CheckConstraint(condition=Q(requested_qty__gt=0), name="dropped_qty_positive"),
            models.CheckConstraint(
                condition=~Q(code="") & ~Q(screening_id=""), name="dropped_for_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.code}"
