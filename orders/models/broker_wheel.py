"""The broker wheel: by which weights orders are dealt out, and how often it has turned."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from oms_site.firm.models import Organization


class BrokerWheel(models.Model):
    """One version of an organization's wheel; `weights` are whole numbers by venue.

    `turns` counts the orders dealt out by this version: the same turn names the same broker.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="wheels")
    version = models.PositiveIntegerField()
    weights = models.JSONField(default=dict)
    active = models.BooleanField(default=False)
    turns = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "version"], name="wheel_version_once"),
            models.UniqueConstraint(
                fields=["organization"], name="one_active_wheel", condition=Q(active=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} broker wheel v{self.version}"
