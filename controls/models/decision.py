"""What a second person said of a version of a list or of a mandate: a fact, kept for ever."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from controls.models.listing import ControlList, Mandate
from oms_site.firm.models import Organization, User


def _about(model: type[models.Model]) -> models.OneToOneField[Any, Any]:
    return models.OneToOneField(
        model, null=True, blank=True, on_delete=models.PROTECT, related_name="decision"
    )


class ListingDecision(models.Model):
    """A version counts from its approval on. The database refuses its author as the approver."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    control_list = _about(ControlList)
    mandate = _about(Mandate)
    approve = models.BooleanField()
    # None only on what was in force before a second person was asked for.
    decided_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(control_list__isnull=False, mandate=None)
                | Q(control_list=None, mandate__isnull=False),
                name="decision_about_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.control_list or self.mandate} {'approved' if self.approve else 'refused'}"
