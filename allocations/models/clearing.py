"""Clearing: who is told of a trade, the queue of trades to tell, and each report as it was told.

Moved by `allocations.clearing` alone. Terms never change; a bust or a correction is a new report.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django_fsm import transition

from allocations.clearing_states import CLEARING_STEPS, ClearingStatus
from allocations.models.confirming import part
from allocations.states import COUNTED_MAX
from oms_site.firm.models import Organization
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow, QueueRow
from venues.models import Instrument


def _step(name: str) -> dict[str, Any]:
    sources, target = CLEARING_STEPS[name]
    return {"source": list(sources), "target": target}


class ClearingParty(models.Model):
    """A central counterparty or a clearing broker: PartyRole(452) 21 or 4."""

    class Role(models.TextChoices):
        CCP = "ccp", "Central counterparty"
        BROKER = "broker", "Clearing broker"

    id = models.CharField(primary_key=True, max_length=40)
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=8, choices=Role.choices)
    adapter = models.CharField(max_length=20, default="simulated")
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "clearing parties"

    def __str__(self) -> str:
        return self.name


class ClearingArrangement(models.Model):
    """Who clears an organization's trades of an asset class, and as which member there.

    A class without an active arrangement is settled bilaterally: nobody is told.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    asset_class = models.CharField(max_length=12)
    party = models.ForeignKey(ClearingParty, on_delete=models.PROTECT, related_name="+")
    member = models.CharField(max_length=20)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "asset_class", "party"], name="one_clearing_arrangement"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.asset_class} {self.party_id}"


class ClearingDue(QueueRow):
    """An execution whose clearing is to be looked at.

    The database itself inserts these (a trigger on executions): none is made and forgotten.
    """

    execution_id = models.CharField(max_length=40)
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "clearing due"

    def __str__(self) -> str:
        return self.execution_id


class ClearingReport(LedgerRow):
    """One trade as one party is told of it, once: TradeCaptureReport(AE), TradeReportID(571).

    `trans_type` is TradeReportTransType(487), `refers_to` TradeReportRefID(572): what a bust takes
    back or a correction replaces. `side` is ours; `qty` is positive; money is the street's: without
    our clients' fees.
    """

    class TransType(models.TextChoices):
        NEW = "new"
        CANCEL = "cancel"
        REPLACE = "replace"

    party = part(ClearingParty)
    member = models.CharField(max_length=20)
    execution_id = models.CharField(max_length=40)
    refers_to = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="followers"
    )
    trans_type = models.CharField(max_length=8, choices=TransType.choices)
    order_id = models.CharField(max_length=40, db_index=True)
    instrument = part(Instrument)
    venue = models.CharField(max_length=40)
    exec_id = models.CharField(max_length=80)
    counterparty = models.CharField(max_length=40, blank=True)
    side = models.CharField(max_length=4)
    currency = models.CharField(max_length=3)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=18, decimal_places=8)
    principal = models.DecimalField(max_digits=20, decimal_places=2)
    accrued_interest = models.DecimalField(max_digits=20, decimal_places=2)
    net_money = models.DecimalField(max_digits=20, decimal_places=2)
    trade_date = models.DateField()
    settlement_date = models.DateField()
    created_at = models.DateTimeField()

    status = StateField(default=ClearingStatus.PENDING.value, max_length=8)
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    ref = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "due_at",
        "attempts",
        "ref",
        "code",
        "reason",
        "answered_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["party", "execution_id"], name="cleared_once"),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ClearingStatus]),
                name="clearing_status_known",
            ),
            models.CheckConstraint(
                condition=Q(trans_type="new", refers_to=None)
                | (~Q(trans_type="new") & Q(refers_to__isnull=False)),
                name="clearing_refers_to_a_report",
            ),
            models.CheckConstraint(condition=Q(qty__gt=0), name="clearing_qty_positive"),
            models.CheckConstraint(
                condition=Q(status="pending") | Q(due_at=None), name="clearing_ends"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="clearing_due", condition=~Q(due_at=None)),
            models.Index(
                fields=["organization", "created_at", "id"],
                name="clearing_open",
                condition=Q(status__in=["pending", "rejected"]),
            ),
            models.Index(fields=["organization", "trade_date", "id"], name="clearing_of_day"),
        ]

    def __str__(self) -> str:
        return self.id

    def lease(self, *, retry_at: datetime) -> None:
        """About to be told; again at `retry_at` unless an answer comes first."""
        self.attempts = min(self.attempts + 1, COUNTED_MAX)
        self.due_at = retry_at

    def defer(self, *, until: datetime, code: str, reason: str) -> None:
        """No answer that could be relied on: told again then, with the same key."""
        self.due_at, self.code, self.reason = until, code[:40], reason[:200]

    @transition(field=status, **_step("clearing_accept"))
    def accept(self, *, ref: str, at: datetime) -> None:
        """The party has it, under this reference of its own."""
        self.due_at, self.ref, self.answered_at = None, ref[:80], at
        self.code = self.reason = ""

    @transition(field=status, **_step("clearing_reject"))
    def reject(self, *, code: str, reason: str, at: datetime) -> None:
        """The party will not take it: a person must look."""
        self.due_at, self.answered_at = None, at
        self.code, self.reason = code[:40], reason[:200]

    @transition(field=status, **_step("clearing_requeue"))
    def requeue(self, *, at: datetime) -> None:
        """What was wrong has been put right."""
        self.due_at, self.attempts, self.answered_at = at, 0, None

    @transition(field=status, **_step("clearing_drop"))
    def drop(self, *, reason: str, at: datetime) -> None:
        """What it takes back was never taken."""
        self.due_at, self.answered_at, self.reason = None, at, reason[:200]
