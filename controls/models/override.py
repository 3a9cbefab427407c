"""What two people let pass in spite of a control: one order, on its very terms, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django_fsm import transition

from controls.states import OVERRIDE_STEPS, OverrideStatus
from oms_site.firm.exact_json import ExactJSONField
from oms_site.firm.models import person, person_or_none
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow


def _step(name: str) -> dict[str, Any]:
    sources, target = OVERRIDE_STEPS[name]
    return {"source": list(sources), "target": target}


class Override(LedgerRow):
    """An exception asked for after a rejection; `terms` is the hash of what it is good for.

    `controls` says what refused, what it found and about what (lists and whom they name, accounts):
    what else refuses, then or later, is not covered. The database refuses one person in two roles,
    a second use, a use after `expires_at`, and an order that passes by one that is not its own.
    """

    asked_for = models.CharField(max_length=40)
    terms = models.CharField(max_length=64)
    controls = ExactJSONField()
    accounts = ArrayField(models.CharField(max_length=40))
    cusip = models.CharField(max_length=9)
    side = models.CharField(max_length=4)
    order_qty = models.DecimalField(max_digits=20, decimal_places=6)
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    # Absent from what was asked for before they were kept.
    ord_type = models.CharField(max_length=20, null=True, blank=True)
    stop_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    maker = person(constraint=False)
    reason = models.CharField(max_length=500)
    requested_by = person(constraint=False)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    status = StateField(default=OverrideStatus.REQUESTED.value, max_length=9)
    decided_by = person_or_none(constraint=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    used_order = models.CharField(max_length=40, null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "decided_by_id",
        "decided_at",
        "note",
        "used_order",
        "used_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in OverrideStatus]),
                name="override_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="requested", decided_by=None)
                | Q(status="refused", decided_by__isnull=False)
                | (
                    Q(status__in=["granted", "used"], decided_by__isnull=False)
                    & ~Q(decided_by=F("requested_by"))
                    & ~Q(decided_by=F("maker"))
                ),
                name="override_by_two",
            ),
            models.CheckConstraint(
                condition=Q(status="used", used_order__isnull=False, used_at__isnull=False)
                | (~Q(status="used") & Q(used_order=None, used_at=None)),
                name="override_used_says_by_what",
            ),
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(used_at__lt=F("expires_at")),
                name="override_used_in_time",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="override_has_a_reason"),
            models.UniqueConstraint(
                fields=["used_order"],
                name="one_override_per_order",
                condition=~Q(used_order=None),
            ),
            models.UniqueConstraint(
                fields=["organization", "asked_for"],
                name="override_asked_once",
                condition=Q(status__in=["requested", "granted"]),
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "requested_at"], name="override_log"),
        ]

    def __str__(self) -> str:
        return f"override for {self.asked_for}"

    @transition(field=status, **_step("override_grant"))
    def grant(self, *, by_id: int, note: str, at: datetime) -> None:
        """A second person agrees: an order on these terms passes once."""
        self.decided_by_id, self.decided_at, self.note = by_id, at, note

    @transition(field=status, **_step("override_refuse"))
    def refuse(self, *, by_id: int, note: str, at: datetime) -> None:
        """No order passes by it, or none any more."""
        self.decided_by_id, self.decided_at, self.note = by_id, at, note

    @transition(field=status, **_step("override_use"))
    def use(self, *, order_id: str, at: datetime) -> None:
        """This order has passed by it; no other will."""
        self.used_order, self.used_at = order_id, at
