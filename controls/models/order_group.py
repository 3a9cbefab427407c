"""Order groups: orders that stop together when too much of them is filled too fast."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django_fsm import transition

from controls.states import GROUP_STEPS, GroupStatus
from oms_site.firm.models import person, person_or_none
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow

LONGEST_WINDOW_S = 3600


def _step(name: str) -> dict[str, Any]:
    sources, target = GROUP_STEPS[name]
    return {"source": list(sources), "target": target}


class OrderGroup(LedgerRow):
    """How much of its orders may be filled within any `window_s` seconds, and whether it was more.

    Quantities are added as they are: par of bonds, shares of equities. Fills count from
    `counted_from` on, which a reset moves. Locked, it takes no order and its orders are canceled.
    """

    client_order_group_id = models.CharField(max_length=80, null=True, blank=True)
    name = models.CharField(max_length=80)
    limit_qty = models.DecimalField(max_digits=20, decimal_places=6)
    window_s = models.PositiveIntegerField()
    created_by = person(constraint=False)
    created_at = models.DateTimeField()

    status = StateField(default=GroupStatus.OPEN.value, max_length=8)
    # Everything counts until the first reset.
    counted_from = models.DateTimeField(null=True, blank=True)
    locks = models.PositiveIntegerField(default=0)
    locked_at = models.DateTimeField(null=True, blank=True)
    locked_qty = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    reset_by = person_or_none(constraint=False)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "counted_from",
        "locks",
        "locked_at",
        "locked_qty",
        "reset_by_id",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_order_group_id"],
                name="client_order_group_id_for_ever",
                condition=~Q(client_order_group_id=None),
            ),
            # What an order refers to: a group of its own organization.
            models.UniqueConstraint(fields=["id", "organization"], name="order_group_of_whom"),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in GroupStatus]),
                name="order_group_status_known",
            ),
            models.CheckConstraint(condition=Q(limit_qty__gt=0), name="order_group_limit_positive"),
            models.CheckConstraint(
                condition=Q(window_s__gte=1) & Q(window_s__lte=LONGEST_WINDOW_S),
                name="order_group_window",
            ),
            models.CheckConstraint(
                condition=Q(status="open", locked_at=None)
                | Q(status="locked", locked_at__isnull=False),
                name="order_group_lock_has_a_moment",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "status", "-created_at", "-id"], name="order_group_log"
            ),
            models.Index(
                fields=["organization"], name="order_group_locked", condition=Q(status="locked")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def standing(self) -> str:
        """What a locked one says of itself to whoever is refused."""
        reached = "" if self.locked_qty is None else f"{self.locked_qty.normalize():f} filled, "
        limit = f"{self.limit_qty.normalize():f}"
        return f"order group {self.name} ({reached}limit {limit} within {self.window_s} s)"

    @transition(field=status, **_step("group_lock"))
    def lock(self, *, qty: Decimal, at: datetime) -> None:
        """More than its limit was filled within its window."""
        self.locks += 1
        self.locked_at, self.locked_qty = at, qty

    @transition(field=status, **_step("group_reset"))
    def reset(self, *, by_id: int, at: datetime) -> None:
        """A person lets it trade again; what was filled before counts no more."""
        self.counted_from, self.reset_by_id = at, by_id
        self.locked_at = self.locked_qty = None
