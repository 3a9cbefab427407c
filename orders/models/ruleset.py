"""Execution instruction rules: ordered, versioned, first match; no match stages the order."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from oms_site.firm.models import Organization


class Ruleset(models.Model):
    """One version of an organization's rules.

    `rules` is a list of `{id, when: {asset_class?, side?, min_qty?, max_qty?}, then: {protocol,
    strategy, venue_id?}}`.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="rulesets"
    )
    version = models.PositiveIntegerField()
    rules = models.JSONField(default=list)
    active = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "version"], name="ruleset_version_once"
            ),
            models.UniqueConstraint(
                fields=["organization"], name="one_active_ruleset", condition=Q(active=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} rules v{self.version}"
