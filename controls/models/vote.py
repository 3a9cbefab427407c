"""What one person said in a review, and why, for each failed control. Facts, kept for ever."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from controls.models.review import Review
from oms_site.firm.models import person
from oms_site.journal.rows import LedgerFact

APPROVE_REASONS = {
    "client_confirmed": "Client confirmed the instruction",
    "price_verified": "Price checked against the market",
    "risk_accepted": "Risk accepted by the desk head",
    "data_issue": "Reference data is wrong or old",
    "other": "Other, see the annotation",
}
REJECT_REASONS = {
    "off_market": "Price off the market",
    "limit_breach": "Limit may not be exceeded",
    "wrong_terms": "Terms look mistaken",
    "duplicate": "Looks like a duplicate",
    "unauthorized": "Not authorized by the client",
    "other": "Other, see the annotation",
}


class ReviewVote(LedgerFact):
    """One person's word. The database refuses the maker, the same person twice, another version."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="votes")
    subject_version = models.PositiveSmallIntegerField()
    maker = person()
    decided_by = person()
    approve = models.BooleanField()
    client_decision_id = models.CharField(max_length=80, blank=True)
    annotation = models.TextField()
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "decided_by"], name="one_vote_per_person"),
            models.CheckConstraint(condition=~Q(decided_by=F("maker")), name="maker_does_not_vote"),
            models.UniqueConstraint(
                fields=["organization", "client_decision_id", "approve"],
                condition=~Q(client_decision_id=""),
                name="client_decision_id_for_ever",
            ),
        ]

    def __str__(self) -> str:
        return f"{'approval' if self.approve else 'rejection'} of {self.review_id}"


class ReviewDecision(LedgerFact):
    """Why one failed control was overridden, or held against the order."""

    vote = models.ForeignKey(ReviewVote, on_delete=models.PROTECT, related_name="decisions")
    control_id = models.CharField(max_length=60)
    control_version = models.PositiveIntegerField()
    remediation = models.CharField(max_length=8)
    override = models.BooleanField()
    reason_code = models.CharField(max_length=24)
    annotation = models.TextField(blank=True)
    limit_text = models.CharField(max_length=80, blank=True)
    actual_text = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vote", "control_id"], name="one_reason_per_control"),
            # What rejects, regulatory controls above all, is nobody's to override.
            models.CheckConstraint(
                condition=Q(override=False) | Q(remediation="flag"), name="only_flags_overridden"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.control_id}: {self.reason_code}"
