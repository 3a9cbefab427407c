"""What custodians are to be told of money and securities that move without a trade.

Moved by `allocations.notices` alone.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from allocations.models.account import Custodian
from allocations.models.confirming import part
from allocations.models.holding import Movement
from oms_site.firm.models import Organization
from oms_site.journal.rows import QueueRow


class MovementNotice(QueueRow):
    """One movement on its way to the account's custodian: told once, under the movement's own id.

    The database itself inserts these (a trigger on movements). `code` says why the custodian would
    not take it; one that learns of such things by itself says `NOT_TOLD`.
    """

    movement = models.ForeignKey(
        Movement, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    custodian = part(Custodian)
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    answered_at = models.DateTimeField(null=True, blank=True)
    ref = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["movement"], name="movement_told_once"),
            models.CheckConstraint(
                condition=Q(due_at__isnull=False, answered_at=None)
                | Q(due_at=None, answered_at__isnull=False),
                name="movement_notice_waits_or_is_over",
            ),
        ]
        indexes = [
            models.Index(
                fields=["custodian", "due_at"],
                name="movement_notice_due",
                condition=~Q(due_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.custodian_id} {self.movement_id}"
