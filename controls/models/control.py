"""Controls as data: which rule, with which numbers, for whom, and what a failure does."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django_fsm import transition

from controls.states import CONTROL_STEPS, ControlStatus, Pending, Remediation
from oms_site.firm.models import Organization, person_or_none
from oms_site.journal.fields import StateField

SYSTEM = "system"


def _step(name: str) -> dict[str, Any]:
    sources, target = CONTROL_STEPS[name]
    return {"source": list(sources), "target": target}


class Control(models.Model):
    """One version of one control, named for ever by `code` and `version`; edits make versions.

    The database keeps the laws whoever writes: content never changes, every step has its two
    people, what is regulatory rejects, and each change of status is noted in `ControlChange`.
    """

    class Type(models.TextChoices):
        UNIVERSE = "universe"
        EXPOSURE = "exposure"
        ORDER = "order"
        ATTESTATION = "attestation"

    # What a version states; the database refuses to change any of it.
    CONTENT: ClassVar[tuple[str, ...]] = (
        "name",
        "type",
        "rule_class",
        "params",
        "remediation",
        "regulatory",
        "asset_classes",
        "slice",
        "assigned_to",
        "effective_from",
        "effective_until",
        "citation",
        "message",
    )

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
    slice = models.JSONField(default=dict, blank=True)
    assigned_to = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    effective_from = models.DateTimeField(null=True, blank=True)
    effective_until = models.DateTimeField(null=True, blank=True)
    citation = models.CharField(max_length=200, blank=True)
    message = models.CharField(max_length=300, blank=True)

    status = StateField(default=ControlStatus.DRAFT.value, max_length=16)
    pending = models.CharField(max_length=10, blank=True, default="")
    origin = models.CharField(max_length=60, blank=True, default="")
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    created_by = person_or_none()
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = person_or_none()
    requested_by = person_or_none()
    decided_by = person_or_none()
    changed_at = models.DateTimeField(null=True, blank=True)
    change_reason = models.CharField(max_length=500, blank=True)
    # A version that was replaced holds until its successor takes over.
    superseded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    ends_at = models.DateTimeField(null=True, blank=True)

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
                condition=Q(regulatory=False) | ~Q(status=ControlStatus.SUSPENDED.value),
                name="regulatory_is_never_suspended",
            ),
            models.CheckConstraint(
                condition=Q(remediation__in=[r.value for r in Remediation]),
                name="remediation_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ControlStatus]),
                name="control_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status=ControlStatus.PENDING_APPROVAL.value, pending="activate")
                | (
                    ~Q(status=ControlStatus.PENDING_APPROVAL.value)
                    & Q(pending__in=[p.value for p in Pending if p != Pending.ACTIVATE])
                ),
                name="control_pending_fits",
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("created_by")),
                name="author_is_not_approver",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="control_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["active", "suspended"])
                | Q(origin=SYSTEM)
                | (Q(approved_by__isnull=False) & Q(approved_at__isnull=False)),
                name="in_force_has_an_approver",
            ),
            models.CheckConstraint(
                condition=Q(effective_from=None)
                | Q(effective_until=None)
                | Q(effective_until__gt=F("effective_from")),
                name="effective_from_before_until",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} v{self.version}"

    @transition(field=status, **_step("control_submit"))
    def submit(self) -> None:
        """Waits for a second person."""

    @transition(field=status, **_step("control_reject"))
    def reject(self) -> None:
        """The second person refused it: a draft again."""

    @transition(field=status, **_step("control_approve"))
    def approve(self) -> None:
        """In force for the next order, released by a second person."""

    @transition(field=status, **_step("control_suspend"))
    def suspend(self) -> None:
        """Out of force, may return."""

    @transition(field=status, **_step("control_resume"))
    def resume(self) -> None:
        """In force again."""

    @transition(field=status, **_step("control_retire"))
    def retire(self) -> None:
        """Out of force for ever."""
