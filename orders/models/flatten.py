"""Closing positions out under a halt: what one person proposed and a second one agreed to."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from allocations.models import Account
from controls.models import Halt
from oms_site.firm.models import person, person_or_none
from oms_site.journal.rows import LedgerRow, QueueRow
from venues.models import Instrument

# What becomes of a line.
NOTHING, ORDERED, REFUSED, REVIEW = OUTCOMES = ("nothing", "ordered", "refused", "review")


class Flatten(LedgerRow):
    """A proposal with its lines, what was decided about it, and when all of it was worked.

    `seen` is the hash of what the positions were; `collar` is how far in percent a limit lies
    behind the reference price, None for orders at the market.
    """

    class Decision(models.TextChoices):
        WAITS = "", "Waits for a second person"
        APPROVED = "approved"
        REFUSED = "refused"

    halt = models.ForeignKey(Halt, on_delete=models.PROTECT, related_name="+", db_index=False)
    collar = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)
    reason = models.CharField(max_length=500)
    seen = models.CharField(max_length=64)
    lines_made = models.PositiveIntegerField()
    proposed_by = person(constraint=False)
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    decision = models.CharField(
        max_length=8, choices=Decision.choices, default=Decision.WAITS.value, blank=True
    )
    decided_by = person_or_none(constraint=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "decision",
        "decided_by_id",
        "decided_at",
        "note",
        "done_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="", decided_by=None, done_at=None)
                | Q(decision="refused", decided_by__isnull=False, done_at=None)
                | (
                    Q(decision="approved", decided_by__isnull=False)
                    & ~Q(decided_by=F("proposed_by"))
                ),
                name="two_persons_flatten",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="flatten_has_a_reason"),
        ]
        indexes = [
            models.Index(
                fields=["decided_at"],
                name="flatten_due",
                condition=Q(decision="approved", done_at=None),
            ),
            models.Index(fields=["organization", "-proposed_at"], name="flatten_log"),
            models.Index(fields=["halt", "-proposed_at"], name="flatten_of_halt"),
        ]

    def __str__(self) -> str:
        return self.id

    def decide(self, *, approve: bool, by_id: int, note: str, at: datetime) -> None:
        """Agreed to by a second person, or refused, or taken back."""
        word = self.Decision.APPROVED if approve else self.Decision.REFUSED
        self.decision, self.decided_by_id, self.decided_at = word.value, by_id, at
        self.note = note

    def done(self, *, at: datetime) -> None:
        """Something has become of every line."""
        self.done_at = at


class FlattenLine(QueueRow):
    """One account's position in one security, and the order that would lessen it.

    `position` is signed; `open_qty` is what of it open orders may already lessen. `qty` is the
    most that is ordered, 0 where `note` says why nothing is. Due until one of `OUTCOMES` stands.
    """

    id = models.CharField(primary_key=True, max_length=60)
    flatten = models.ForeignKey(
        Flatten, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    number = models.PositiveIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    position = models.DecimalField(max_digits=20, decimal_places=6)
    open_qty = models.DecimalField(max_digits=20, decimal_places=6)
    side = models.CharField(max_length=4)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)

    outcome = models.CharField(max_length=8, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["flatten", "number"], name="flatten_line_number"),
            models.CheckConstraint(
                condition=Q(side="sell", position__gt=0, qty__gte=0, qty__lte=F("position"))
                | Q(side="buy", position__lt=0, qty__gte=0, qty__lte=0 - F("position")),
                name="flatten_line_lessens",
            ),
        ]
        indexes = [
            models.Index(
                fields=["flatten", "number"], name="flatten_line_due", condition=Q(outcome="")
            )
        ]

    def __str__(self) -> str:
        return self.id
