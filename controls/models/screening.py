"""What the controls said about one version of one order, for ever."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from controls.states import Outcome
from oms_site.firm.exact_json import ExactJSONField
from oms_site.journal.rows import LedgerFact


class Screening(LedgerFact):
    """One run of all controls over a frozen ticket: verdict, every result, and the inputs.

    The database lets an execution order exist only with a screening that passed, or an approved
    review of one that was flagged, of the same order and version.
    """

    subject = models.CharField(max_length=40)
    subject_version = models.PositiveSmallIntegerField(default=1)
    outcome = models.CharField(max_length=8)
    stage = models.CharField(max_length=16, default="order")
    ticket = ExactJSONField()
    results = ExactJSONField()
    screened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=[o.value for o in Outcome]), name="outcome_known"
            ),
            # The target of the composite foreign keys of reviews and execution orders.
            models.UniqueConstraint(
                fields=["id", "subject", "subject_version", "outcome"], name="screening_identity"
            ),
        ]
        indexes = [
            models.Index(fields=["subject"], name="screening_of_subject"),
            # They come in the order of time, so which pages hold a day costs nothing to keep.
            BrinIndex(fields=["screened_at"], name="screenings_of_a_day", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.subject}"
