"""A difference between what two parties say, kept until a person has explained it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from oms_site.firm.models import Organization, person, person_or_none
from oms_site.journal.rows import LedgerFact, LedgerRow


class Break(LedgerRow):
    """An open question: a late fill, an overfill, a booking that nobody else knows.

    It has an owner, and is closed by two: one proposes why, another one agrees. Closing writes an
    `Adjustment`; what is compared is never edited.
    """

    class Reason(models.TextChoices):
        TIMING = "timing", "Timing: both sides agree by now"
        THEIRS = "their_error", "Their error: they correct it"
        OURS = "our_error", "Our error: corrected by its own entry"
        ACCEPTED = "accepted", "Explained: it is as it should be"
        DUPLICATE = "duplicate", "The same as another break"

    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=120)
    order_id = models.CharField(max_length=40, blank=True)
    evidence = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    # What it comes to now, where that moves on while it is open; `evidence` is how it began.
    figures = models.JSONField(null=True, blank=True)

    closed_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=200, blank=True)

    owner = person_or_none()
    reason_code = models.CharField(max_length=20, blank=True, choices=Reason.choices)
    proposed_by = person_or_none()
    proposed_at = models.DateTimeField(null=True, blank=True)
    closed_by = person_or_none()

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "figures",
        "closed_at",
        "resolution",
        "owner_id",
        "reason_code",
        "proposed_by_id",
        "proposed_at",
        "closed_by_id",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "key"],
                name="one_open_break",
                condition=Q(closed_at=None),
            ),
            models.CheckConstraint(
                condition=Q(closed_by=None) | ~Q(closed_by=F("proposed_by")),
                name="break_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None)
                | Q(
                    closed_at__isnull=False,
                    closed_by__isnull=False,
                    proposed_by__isnull=False,
                ),
                name="break_closed_by_two",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    def propose(self, *, reason_code: str, text: str, user_id: int | None, at: datetime) -> None:
        """One person's explanation; a later one replaces it."""
        self.reason_code, self.resolution = reason_code, text[:200]
        self.proposed_by_id, self.proposed_at = user_id, at

    def refuse(self) -> None:
        """Another person does not agree: it is open as before."""
        self.reason_code = self.resolution = ""
        self.proposed_by_id = self.proposed_at = None

    def follow(self, figures: Mapping[str, Any]) -> None:
        """It comes to something else by now: what was proposed for the old figures is void."""
        self.figures = dict(figures)
        self.refuse()

    def close(self, *, user_id: int, at: datetime) -> None:
        """Another person agrees."""
        self.closed_by_id, self.closed_at = user_id, at


class Adjustment(LedgerFact):
    """The entry that closes a break: why, by whom, and which amounts it accepts or moves."""

    explained = models.ForeignKey(Break, on_delete=models.PROTECT, related_name="adjustments")
    reason_code = models.CharField(max_length=20)
    text = models.CharField(max_length=200)
    evidence = models.JSONField(default=dict)
    made_by = person()
    approved_by = person()
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(made_by=F("approved_by")), name="adjustment_maker_is_not_checker"
            )
        ]

    def __str__(self) -> str:
        return self.id


class Reconciliation(models.Model):
    """One comparison with one other party: what was looked at, and what came of it.

    "not_checked" is an outcome of its own: a party that did not answer is not a clean one.
    """

    class Outcome(models.TextChoices):
        CLEAN = "clean"
        BREAKS = "breaks"
        NOT_CHECKED = "not_checked"
        UNSUPPORTED = "unsupported"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    phase = models.CharField(max_length=10)
    kind = models.CharField(max_length=10)
    party = models.CharField(max_length=40, blank=True)
    day = models.DateField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    compared = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["organization", "kind", "party", "-ended_at", "-id"],
                name="latest_reconciliation",
            ),
            models.Index(fields=["day", "phase"], name="reconciliation_of_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.party} {self.outcome}"
