"""Repairs that one person asks for and another one decides, and named ways to split a block."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from allocations.models.account import Account, Custodian
from allocations.models.allocation import Allocation, BookingLeg
from oms_site.firm.models import Organization, person, person_or_none
from oms_site.journal.rows import LedgerRow


class Repair(LedgerRow):
    """A refused leg that is to be booked elsewhere: asked for with a reason, decided by another.

    `custodian` and `account` say where instead; empty ones stay as they are. Approving cancels the
    refused leg and queues one with the same quantity and money in its place.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested"
        APPROVED = "approved"
        REFUSED = "refused"

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="repairs")
    leg = models.ForeignKey(
        BookingLeg, on_delete=models.PROTECT, related_name="repairs", db_index=False
    )
    custodian = models.ForeignKey(
        Custodian, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=300)
    requested_by = person()
    requested_at = models.DateTimeField()

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.REQUESTED)
    decided_by = person_or_none()
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("status", "decided_by_id", "decided_at", "note")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["leg"], name="one_open_repair", condition=Q(status="requested")
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="repair_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=Q(status="requested", decided_by=None)
                | Q(status__in=["approved", "refused"], decided_by__isnull=False),
                name="repair_is_decided_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        return self.status == self.Status.REQUESTED

    def decide(self, *, approve: bool, user_id: int, note: str, at: datetime) -> None:
        """Another person's word."""
        self.status = self.Status.APPROVED if approve else self.Status.REFUSED
        self.decided_by_id, self.decided_at, self.note = user_id, at, note[:300]


class Template(models.Model):
    """A named way to split a block: a strategy and percentages of accounts."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    strategy = models.CharField(max_length=32)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="template_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class TemplateShare(models.Model):
    """One account's percentage in a template, exact to a ten thousandth."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="shares")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    percent = models.DecimalField(max_digits=7, decimal_places=4)
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "account"], name="template_account_once"),
            models.CheckConstraint(
                condition=Q(percent__gt=0, percent__lte=100), name="template_percent_sensible"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.percent} %"
