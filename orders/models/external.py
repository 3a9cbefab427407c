"""Orders that a venue knows and we never sent: kept with their fills until somebody owns them.

Moved by `orders.externals` alone.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django_fsm import transition

from oms_site.firm.models import Organization, person_or_none
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerFact, LedgerRow
from orders.external_states import EXTERNAL_STEPS, ExternalStatus
from orders.models.order import ZERO
from venues.models import Venue


def _step(name: str) -> dict[str, Any]:
    sources, target = EXTERNAL_STEPS[name]
    return {"source": list(sources), "target": target}


class DeskClaim(models.Model):
    """Which desk an unknown order of a venue is laid before: the longest prefix counts."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="+")
    prefix = models.CharField(
        max_length=40, blank=True, help_text="of the ClOrdID; empty: whatever else comes"
    )
    desk = models.CharField(max_length=40)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "prefix"], name="one_claim", condition=Q(active=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.venue_id} {self.prefix or 'everything else'}: {self.desk}"


class ExternalOrder(LedgerRow):
    """An order at a venue that has no row of ours. Its fills wait in suspense until adopted.

    `organization` is that of the desk that claims it, or the house. `cum_qty` is the fold of its
    fills, busts taken off. One person proposes whose it is, another one agrees.
    """

    venue = models.ForeignKey(
        Venue, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    cl_ord_id = models.CharField(max_length=80)
    venue_order_id = models.CharField(max_length=60, blank=True)
    desk = models.CharField(max_length=40, blank=True)
    security_id = models.CharField(max_length=40)
    side = models.CharField(max_length=4)
    order_qty = models.DecimalField(max_digits=20, decimal_places=6)
    created_at = models.DateTimeField()

    status = StateField(default=ExternalStatus.SUSPENSE.value, max_length=8)
    ord_status = models.CharField(max_length=2)
    cum_qty = models.DecimalField(max_digits=20, decimal_places=6, default=ZERO)
    fills_made = models.PositiveIntegerField(default=0)
    last_report_at = models.DateTimeField()
    order_id = models.CharField(max_length=40, blank=True)
    execution_order_id = models.CharField(max_length=40, blank=True)
    disowns = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    proposed_by = person_or_none()
    proposed_at = models.DateTimeField(null=True, blank=True)
    decided_by = person_or_none()
    decided_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "ord_status",
        "cum_qty",
        "fills_made",
        "last_report_at",
        "order_id",
        "execution_order_id",
        "disowns",
        "reason",
        "proposed_by_id",
        "proposed_at",
        "decided_by_id",
        "decided_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "cl_ord_id"], name="external_order_once"),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ExternalStatus]),
                name="external_status_known",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")),
                name="external_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["adopted", "disowned"])
                | Q(decided_by__isnull=False, proposed_by__isnull=False),
                name="external_decided_by_two",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "created_at", "id"],
                name="external_waiting",
                condition=Q(status__in=["suspense", "proposed"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.venue_id} {self.cl_ord_id}"

    @transition(field=status, **_step("external_report"))
    def report(self, *, ord_status: str, moved: Decimal, fills: int, at: datetime) -> None:
        """The venue said something new about it: whoever decided before decides again."""
        self.ord_status, self.last_report_at = ord_status, at
        self.cum_qty += moved
        self.fills_made += fills
        self._forget()

    def note(self, *, ord_status: str, at: datetime) -> None:
        """The venue said where it stands; nothing moved."""
        self.ord_status, self.last_report_at = ord_status, at

    @transition(field=status, **_step("external_propose"))
    def propose(
        self,
        *,
        order_id: str,
        execution_order_id: str,
        reason: str,
        user_id: int | None,
        at: datetime,
    ) -> None:
        """One person says whose it is; without an order, that it is nobody's here."""
        self.order_id, self.execution_order_id = order_id, execution_order_id
        self.disowns, self.reason = not order_id, reason[:200]
        self.proposed_by_id, self.proposed_at = user_id, at

    @transition(field=status, **_step("external_refuse"))
    def refuse(self) -> None:
        """Another person does not agree."""
        self._forget()

    @transition(field=status, **_step("external_adopt"))
    def adopt(self, *, user_id: int | None, at: datetime) -> None:
        """Another person agrees: its fills are that order's."""
        self.decided_by_id, self.decided_at = user_id, at

    @transition(field=status, **_step("external_disown"))
    def disown(self, *, user_id: int | None, at: datetime) -> None:
        """Another person agrees: it is the venue's mistake."""
        self.decided_by_id, self.decided_at = user_id, at

    def _forget(self) -> None:
        # What was adopted keeps naming its order: later fills are most likely that order's too.
        self.disowns, self.reason = False, ""
        self.proposed_by_id = self.decided_by_id = None
        self.proposed_at = self.decided_at = None


class ExternalFill(LedgerFact):
    """One fill, bust or correction as its venue reported it; `qty` is signed."""

    external = models.ForeignKey(
        ExternalOrder, on_delete=models.PROTECT, related_name="fills", db_index=False
    )
    venue = models.ForeignKey(
        Venue, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    exec_id = models.CharField(max_length=80)
    exec_ref_id = models.CharField(max_length=80, blank=True)
    sequence = models.PositiveIntegerField()
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=18, decimal_places=8)
    trade_date = models.DateField()
    executed_at = models.DateTimeField()
    received_at = models.DateTimeField()
    body = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "trade_date", "exec_id"], name="external_fill_once"
            ),
            models.UniqueConstraint(fields=["external", "sequence"], name="external_fill_order"),
            models.CheckConstraint(condition=~Q(qty=0), name="external_fill_moves"),
        ]

    def __str__(self) -> str:
        return f"{self.qty} at {self.price}"
