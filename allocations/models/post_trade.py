"""Splits asked for after the fact: entered by one person with a reason, decided by another."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from allocations.models.account import Custodian
from oms_site.firm.models import person, person_or_none
from oms_site.journal.rows import LedgerRow


class PostTradeEntry(LedgerRow):
    """Who is to get the fills of an order that was sent without saying so.

    `requested` lists account ids with quantities as text, in the order of the request; approving it
    makes the order's allocation, which names its entry. `filled_qty` and `first_fill_at` are what
    was known when it was entered: evidence for whoever looks for favors.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested"
        APPROVED = "approved"
        REFUSED = "refused"

    order_id = models.CharField(max_length=40)
    client_allocation_id = models.CharField(max_length=80, null=True, blank=True)
    strategy = models.CharField(max_length=32)
    custodian = models.ForeignKey(
        Custodian, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    requested = models.JSONField(default=list)
    requested_qty = models.DecimalField(max_digits=20, decimal_places=6)
    filled_qty = models.DecimalField(max_digits=20, decimal_places=6)
    first_fill_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300)
    maker = person()
    requested_at = models.DateTimeField()

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.REQUESTED)
    checker = person_or_none()
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("status", "checker_id", "decided_at", "note")

    class Meta:
        verbose_name_plural = "post-trade entries"
        constraints = [
            models.UniqueConstraint(
                fields=["order_id"], name="one_open_entry", condition=Q(status="requested")
            ),
            models.UniqueConstraint(
                fields=["order_id"], name="one_entry_per_order", condition=Q(status="approved")
            ),
            models.CheckConstraint(
                condition=Q(checker=None) | ~Q(checker=F("maker")),
                name="entry_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=Q(status="requested", checker=None, decided_at=None)
                | Q(
                    status__in=["approved", "refused"],
                    checker__isnull=False,
                    decided_at__isnull=False,
                ),
                name="entry_is_decided_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="entry_says_why"),
        ]
        indexes = [models.Index(fields=["organization", "requested_at", "id"], name="entry_list")]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        return self.status == self.Status.REQUESTED

    def decide(self, *, approve: bool, user_id: int | None, note: str, at: datetime) -> None:
        """Another person's word."""
        self.status = self.Status.APPROVED if approve else self.Status.REFUSED
        self.checker_id, self.decided_at, self.note = user_id, at, note[:300]
