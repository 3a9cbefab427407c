"""Controls as data: which rule, with which numbers, for whom, and what a failure does."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition

from controls.states import CONTROL_STEPS, ControlStatus, Remediation
from oms_site.firm.models import Organization


def _step(name: str) -> dict[str, Any]:
    sources, target = CONTROL_STEPS[name]
    return {"source": list(sources), "target": target}


class Control(models.Model):
    """One version of one control, named for ever by `code` and `version`; edits make versions."""

    class Type(models.TextChoices):
        UNIVERSE = "universe"
        EXPOSURE = "exposure"
        ORDER = "order"
        ATTESTATION = "attestation"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="controls"
    )
    code = models.CharField(max_length=60)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=12, choices=Type.choices, default=Type.ORDER)
    rule_class = models.CharField(max_length=40)
    params = models.JSONField(default=dict, blank=True)
    remediation = models.CharField(max_length=8, choices=[(r.value, r.value) for r in Remediation])
    regulatory = models.BooleanField(default=False)
    asset_classes = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    status = FSMField(default=ControlStatus.DRAFT.value, protected=True, max_length=12)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "code", "version"], name="control_version_once"
            ),
            models.UniqueConstraint(
                fields=["organization", "code"],
                name="one_active_version",
                condition=Q(status=ControlStatus.ACTIVE.value),
            ),
            models.CheckConstraint(
                condition=Q(regulatory=False) | Q(remediation=Remediation.REJECT.value),
                name="regulatory_always_rejects",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ControlStatus]),
                name="control_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} v{self.version}"

    @transition(field=status, **_step("control_activate"))
    def activate(self) -> None:
        """In force for the next order."""

    @transition(field=status, **_step("control_suspend"))
    def suspend(self) -> None:
        """Out of force, may return."""

    @transition(field=status, **_step("control_retire"))
    def retire(self) -> None:
        """Out of force for ever."""


class RestrictedInstrument(models.Model):
    """A security that an organization may not trade."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    list_name = models.CharField(max_length=40, default="restricted")
    cusip = models.CharField(max_length=9)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "list_name", "cusip"], name="restricted_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.cusip} ({self.list_name})"
