"""An execution that only the venue's drop copy tells of, offered to be booked by two people.

Moved by `orders.recoveries` and `orders.recovering` alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from oms_site.firm.models import person_or_none
from oms_site.journal.rows import LedgerRow
from orders.models.break_ import Break
from orders.models.execution import Execution
from orders.models.venue_order import VenueOrder
from venues.models import Venue


class Recovery(LedgerRow):
    """One missing execution in the drop copy's words, and what two people made of it.

    Nothing of the order has moved before it is booked, and then it moves by the way that every
    report goes. It `came` when the venue's own report was here first.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        PROPOSED = "proposed"
        BOOKED = "booked"
        CAME = "came", "came by itself"
        DROPPED = "dropped", "dropped: its break is closed"

    difference = models.ForeignKey(Break, on_delete=models.PROTECT, related_name="recoveries")
    venue = models.ForeignKey(
        Venue, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    order_id = models.CharField(max_length=40)
    venue_order = models.ForeignKey(
        VenueOrder, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    exec_id = models.CharField(max_length=80)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=18, decimal_places=8)
    trade_date = models.DateField()
    traded_at = models.DateTimeField(null=True, blank=True)
    found_at = models.DateTimeField()

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    reason = models.CharField(max_length=200, blank=True)
    proposed_by = person_or_none(constraint=False)
    proposed_at = models.DateTimeField(null=True, blank=True)
    decided_by = person_or_none(constraint=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    execution = models.ForeignKey(
        Execution,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "reason",
        "proposed_by_id",
        "proposed_at",
        "decided_by_id",
        "decided_at",
        "execution_id",
    )

    class Meta:
        verbose_name_plural = "recoveries"
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "trade_date", "exec_id"],
                name="one_recovery",
                condition=Q(status__in=["open", "proposed", "booked"]),
            ),
            models.CheckConstraint(condition=Q(qty__gt=0, price__gt=0), name="recovery_of_a_trade"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")),
                name="recovery_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=Q(status="open", proposed_by=None, decided_at=None, execution=None)
                | Q(status="proposed", proposed_by__isnull=False, decided_at=None, execution=None)
                | Q(
                    status="booked",
                    proposed_by__isnull=False,
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                    execution__isnull=False,
                )
                | Q(status__in=["came", "dropped"], decided_at__isnull=False, execution=None),
                name="recovery_is_booked_by_two",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "found_at"],
                name="recovery_waiting",
                condition=Q(status__in=["open", "proposed"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.venue_id} {self.exec_id}"

    def propose(self, *, reason: str, user_id: int, at: datetime) -> None:
        """One person says that it is to be booked; a later one replaces it."""
        self.status, self.reason = self.Status.PROPOSED.value, reason[:200]
        self.proposed_by_id, self.proposed_at = user_id, at

    def refuse(self) -> None:
        """Another person does not agree: it waits as before."""
        self.status, self.reason = self.Status.OPEN.value, ""
        self.proposed_by_id = self.proposed_at = None

    def book(self, *, execution_id: str, user_id: int, at: datetime) -> None:
        """Another person agreed, and it is an execution now."""
        self.status, self.execution_id = self.Status.BOOKED.value, execution_id
        self.decided_by_id, self.decided_at = user_id, at

    def end(self, status: str, *, user_id: int | None, at: datetime) -> None:
        """There is nothing to book any more: it `came`, or its break is closed."""
        self.status, self.decided_by_id, self.decided_at = status, user_id, at
