"""The valuation feed: where portfolio systems listen, and what each is to be told of positions.

Written by `allocations.feed` alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from allocations.models.account import Account
from allocations.models.confirming import part
from allocations.models.holding import Movement
from oms_site.firm.models import person
from oms_site.journal.rows import LedgerRow, QueueRow


class FeedEndpoint(LedgerRow):
    """An address that is told of every change of a position of one organization.

    What signs its deliveries is derived from `secret_version` and never stored.
    """

    name = models.CharField(max_length=80)
    url = models.CharField(max_length=300)
    created_by = person()
    created_at = models.DateTimeField()

    active = models.BooleanField(default=True)
    secret_version = models.PositiveIntegerField(default=1)

    MUTABLE: ClassVar[tuple[str, ...]] = ("active", "secret_version")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "url"],
                name="one_active_feed_per_address",
                condition=Q(active=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.url}"

    def pause(self) -> None:
        """Nothing new is queued for it; what is queued waits."""
        self.active = False

    def resume(self) -> None:
        """It is told again."""
        self.active = True

    def rotate(self) -> None:
        """From now on another secret signs."""
        self.secret_version += 1


class FeedDelivery(QueueRow):
    """One change of a position on its way to one address: at least once, under one id.

    The database itself inserts these (a trigger on movements). `body` is made before the first
    attempt and is the same at every one; `dead_at` says that a person must look.
    """

    endpoint = models.ForeignKey(
        FeedEndpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    movement = models.ForeignKey(
        Movement,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    account = part(Account)
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    status_code = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    dead_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "feed deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "movement"], name="feed_delivery_once"),
            models.CheckConstraint(
                condition=Q(delivered_at=None, dead_at=None, due_at__isnull=False)
                | Q(delivered_at__isnull=False, dead_at=None, due_at=None)
                | Q(delivered_at=None, dead_at__isnull=False, due_at=None),
                name="feed_delivery_waits_or_is_over",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="feed_due", condition=~Q(due_at=None)),
            models.Index(
                fields=["endpoint", "dead_at"], name="feed_dead", condition=~Q(dead_at=None)
            ),
            models.Index(fields=["endpoint", "-id"], name="feed_latest"),
        ]

    def __str__(self) -> str:
        return self.delivery_id

    @property
    def delivery_id(self) -> str:
        """What its receiver knows it by, however often it comes."""
        return f"fd_{self.endpoint_id.removeprefix('fe_')}_{self.movement_id}"

    @property
    def state(self) -> str:
        """One word: delivered, dead, retrying or waiting."""
        if self.delivered_at is not None:
            return "delivered"
        if self.dead_at is not None:
            return "dead"
        return "retrying" if self.attempts else "waiting"

    def age(self, at: datetime) -> float:
        """Seconds since it was queued."""
        return (at - self.queued_at).total_seconds()
