"""A difference between what two parties say, kept until a person has explained it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from oms_site.journal.rows import LedgerRow


class Break(LedgerRow):
    """An open question: a late fill, an overfill, an unknown order, an unreadable message."""

    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=120)
    order_id = models.CharField(max_length=40, blank=True)
    evidence = models.JSONField(default=dict)
    opened_at = models.DateTimeField()

    closed_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=200, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("closed_at", "resolution")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "key"],
                name="one_open_break",
                condition=Q(closed_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
