"""Mass cancels: a row for what was asked, and one for every order that it meant then."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from oms_site.firm.models import person
from oms_site.journal.rows import LedgerRow, QueueRow
from orders.models.order import Order


class MassCancel(LedgerRow):
    """What one person asked to stop, by which fields, and how much that was.

    Running until every one of its orders has been asked; `done_at` says when that was.
    """

    client_mass_cancel_id = models.CharField(max_length=80, null=True, blank=True)
    wanted = models.JSONField()
    reason = models.CharField(max_length=500)
    requested_by = person(constraint=False)
    requested_at = models.DateTimeField()
    orders = models.PositiveIntegerField()
    leaves_qty = models.DecimalField(max_digits=24, decimal_places=6)
    notional = models.DecimalField(max_digits=34, decimal_places=10)

    done_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("done_at",)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_mass_cancel_id"],
                name="client_mass_cancel_id_for_ever",
                condition=~Q(client_mass_cancel_id=None),
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="mass_cancel_has_a_reason"),
        ]
        indexes = [
            models.Index(
                fields=["requested_at"], name="mass_cancel_running", condition=Q(done_at=None)
            ),
            models.Index(fields=["organization", "requested_at"], name="mass_cancel_log"),
        ]

    def __str__(self) -> str:
        return self.id

    def done(self, *, at: datetime) -> None:
        """Every order of it has been asked."""
        self.done_at = at


class MassCancelOrder(QueueRow):
    """One order of a mass cancel; due until an outcome stands there, each once."""

    mass_cancel = models.ForeignKey(
        MassCancel, on_delete=models.PROTECT, related_name="items", db_index=False
    )
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", db_index=False)
    outcome = models.CharField(max_length=10, blank=True)
    cancel_request_id = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mass_cancel", "order"], name="mass_cancel_order_once")
        ]
        indexes = [
            models.Index(
                fields=["mass_cancel", "id"], name="mass_cancel_due", condition=Q(outcome="")
            )
        ]

    def __str__(self) -> str:
        return f"{self.order_id} of {self.mass_cancel_id}"
