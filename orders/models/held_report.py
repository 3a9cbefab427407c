"""A trade reported from elsewhere that does not count before a second person has looked at it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from oms_site.firm.exact_json import ExactJSONField
from oms_site.firm.models import person, person_or_none
from oms_site.journal.rows import LedgerRow
from orders.models.execution_order import ExecutionOrder
from orders.models.order import Order


class HeldReport(LedgerRow):
    """One reported trade whose price is far from the market, and what was decided about it.

    `report` is what was asked, to be applied as it is. Nothing of the order has moved meanwhile,
    and nothing is reserved: the approval is checked against the order as it is then. Whose ids it
    bears is said by the `ReportedTrade` of the same id.
    """

    class Status(models.TextChoices):
        HELD = "held"
        APPROVED = "approved"
        REJECTED = "rejected"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="held_reports")
    execution_order = models.ForeignKey(
        ExecutionOrder, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    exec_id = models.CharField(max_length=80)
    client_report_id = models.CharField(max_length=80, null=True, blank=True)
    report = ExactJSONField()
    reason = models.CharField(max_length=300)
    requested_by = person(constraint=False)
    requested_at = models.DateTimeField()

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.HELD)
    decided_by = person_or_none(constraint=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("status", "decided_by_id", "decided_at", "note")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["held", "approved", "rejected"]),
                name="held_report_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="held", decided_by=None, decided_at=None)
                | (
                    ~Q(status="held")
                    & Q(decided_by__isnull=False, decided_at__isnull=False)
                    & ~Q(decided_by=F("requested_by"))
                ),
                name="held_report_maker_is_not_checker",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "requested_at", "id"],
                name="held_report_waiting",
                condition=Q(status="held"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.exec_id} {self.status}"

    def decide(self, *, approve: bool, by_id: int, at: datetime, note: str) -> None:
        """A second person has looked."""
        decided = self.Status.APPROVED if approve else self.Status.REJECTED
        self.status, self.decided_by_id, self.decided_at = decided.value, by_id, at
        self.note = note[:500]
