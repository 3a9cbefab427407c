"""What a client reported that it had traded elsewhere: under which ids, and what it came to."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from oms_site.journal.rows import LedgerRow
from orders.models.execution import Execution
from orders.models.execution_order import ExecutionOrder
from orders.models.order import Order


class ReportedTrade(LedgerRow):
    """One report that was taken: its ids are its own for ever, unless a second person refused it.

    The client's id names one report of an organization. `exec_id` is what the other side calls the
    trade (without it the client's id, or ours): it names one trade of an order with that
    counterparty, whatever the day. `fingerprint` is the SHA-256 of all that was asked.
    """

    class Standing(models.TextChoices):
        HELD = "held"
        COUNTED = "counted"
        REFUSED = "refused"

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="reported_trades", db_index=False
    )
    execution_order = models.ForeignKey(
        ExecutionOrder, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    client_report_id = models.CharField(max_length=80, null=True, blank=True)
    exec_id = models.CharField(max_length=80)
    counterparty = models.CharField(max_length=40, blank=True)
    fingerprint = models.CharField(max_length=64)
    reported_at = models.DateTimeField()

    standing = models.CharField(max_length=7, choices=Standing.choices, default=Standing.HELD)
    execution = models.OneToOneField(
        Execution, null=True, blank=True, on_delete=models.PROTECT, related_name="reported"
    )

    MUTABLE: ClassVar[tuple[str, ...]] = ("standing", "execution_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_report_id"],
                name="client_report_id_for_ever",
                condition=Q(client_report_id__isnull=False) & ~Q(standing="refused"),
            ),
            models.UniqueConstraint(
                fields=["order", "counterparty", "exec_id"],
                name="reported_trade_once",
                condition=~Q(standing="refused"),
            ),
            models.CheckConstraint(
                condition=Q(standing="counted", execution__isnull=False)
                | Q(standing__in=["held", "refused"], execution=None),
                name="reported_trade_stands",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exec_id} {self.standing}"

    def count(self, execution_id: str) -> None:
        """It is an execution now."""
        self.standing, self.execution_id = self.Standing.COUNTED.value, execution_id

    def refuse(self) -> None:
        """A second person said no: its ids are free again."""
        self.standing = self.Standing.REFUSED.value
