"""What happened to a control, and what it would have done: facts, never changed."""

from __future__ import annotations

from django.db import models

from controls.models.control import Control
from oms_site.firm.models import Organization, User


class ControlChange(models.Model):
    """One step in the life of a version. A trigger of the controls' table writes it, whoever
    moved the control and by whatever path."""

    control = models.ForeignKey(Control, on_delete=models.PROTECT, related_name="changes")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=60)
    version = models.PositiveIntegerField()
    action = models.CharField(max_length=20)
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    maker = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    checker = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(checker=None) | ~models.Q(checker=models.F("maker")),
                name="change_maker_is_not_checker",
            )
        ]
        indexes = [
            models.Index(fields=["organization", "code", "id"], name="change_of_control"),
            models.Index(fields=["organization", "at"], name="change_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.code} v{self.version}"


class Simulation(models.Model):
    """What a version would have done to the orders of some days; `fingerprint` names its content.

    `report` has what is newly flagged, rejected and passed: in all, by account, by trader, samples.
    """

    control = models.ForeignKey(Control, on_delete=models.PROTECT, related_name="simulations")
    fingerprint = models.CharField(max_length=64)
    since = models.DateTimeField()
    until = models.DateTimeField()
    tickets = models.PositiveIntegerField()
    complete = models.BooleanField()
    report = models.JSONField()
    made_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.control_id} over {self.tickets} orders"
