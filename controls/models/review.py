"""A flagged order waits here for a second pair of eyes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django_fsm import transition

from controls.models.screening import Screening
from controls.states import REVIEW_STEPS, ReviewStatus
from oms_site.firm.exact_json import ExactJSONField
from oms_site.firm.models import person, person_or_none
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow


def _step(name: str) -> dict[str, Any]:
    sources, target = REVIEW_STEPS[name]
    return {"source": list(sources), "target": target}


class Review(LedgerRow):
    """One decision about one screening. The database refuses a maker who is the checker."""

    subject = models.CharField(max_length=40)
    subject_version = models.PositiveSmallIntegerField(default=1)
    screening = models.OneToOneField(Screening, on_delete=models.PROTECT, related_name="review")
    failed_controls = ExactJSONField()
    maker = person()
    opened_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    approvals_required = models.PositiveSmallIntegerField(default=1)

    status = StateField(default=ReviewStatus.OPEN.value, max_length=10)
    decided_by = person_or_none()
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_id = models.CharField(max_length=40, blank=True)
    client_decision_id = models.CharField(max_length=80, blank=True)
    annotation = models.TextField(blank=True)
    # Facets: how many have approved, and who says that they are looking into it until when.
    approvals = models.PositiveSmallIntegerField(default=0)
    claimed_by = person_or_none()
    claimed_until = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "decided_by_id",
        "decided_at",
        "decision_id",
        "client_decision_id",
        "annotation",
        "approvals",
        "claimed_by_id",
        "claimed_until",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ReviewStatus]),
                name="review_status_known",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("maker")),
                name="maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "expired", "withdrawn"])
                | (Q(decided_by__isnull=False) & Q(decided_at__isnull=False)),
                name="decision_has_a_decider",
            ),
            # The target of the execution orders' composite foreign key.
            models.UniqueConstraint(
                fields=["id", "screening", "subject", "subject_version", "status"],
                name="review_identity",
            ),
            # The target of the votes' composite foreign key.
            models.UniqueConstraint(
                fields=["id", "maker", "subject_version"], name="review_of_maker_and_version"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "opened_at"],
                name="review_open",
                condition=Q(status="open"),
            ),
            models.Index(fields=["subject"], name="review_of_subject"),
        ]

    def __str__(self) -> str:
        return f"review of {self.subject}"

    def claimant_at(self, at: datetime) -> int | None:
        """Who holds it at a moment; a claim that has run out is nobody's."""
        if self.claimed_until is None or self.claimed_until <= at:
            return None
        return self.claimed_by_id

    def claim(self, *, by_id: int, until: datetime) -> None:
        """Somebody says that they are looking into it."""
        self.claimed_by_id, self.claimed_until = by_id, until

    def unclaim(self) -> None:
        """Nobody looks into it any more."""
        self.claimed_by_id = self.claimed_until = None

    def count_approval(self) -> None:
        """One more person has approved."""
        self.approvals += 1

    def _decide(
        self, *, by_id: int, at: datetime, decision_id: str, client_id: str, annotation: str
    ) -> None:
        self.decided_by_id, self.decided_at = by_id, at
        self.decision_id, self.client_decision_id = decision_id, client_id
        self.annotation = annotation

    @transition(field=status, **_step("review_approve"))
    def approve(self, **decision: Any) -> None:
        """Released by a second person."""
        self._decide(**decision)

    @transition(field=status, **_step("review_reject"))
    def reject(self, **decision: Any) -> None:
        """Refused by a second person."""
        self._decide(**decision)

    @transition(field=status, **_step("review_expire"))
    def expire(self, *, at: datetime) -> None:
        """Nobody decided in time."""
        self.decided_at = at

    @transition(field=status, **_step("review_withdraw"))
    def withdraw(self, *, at: datetime) -> None:
        """The order was canceled while it waited."""
        self.decided_at = at
