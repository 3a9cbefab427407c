"""Lists of securities, issuers and accounts, and what clients allow: by version, never edited.

A version is somebody's proposal until a second person has approved it, see `ListingDecision`.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from allocations.models import Account
from oms_site.firm.models import Organization, person_or_none


class ControlList(models.Model):
    """One version of one list; the highest approved one is in force. An empty one lists nothing.

    Restricted and do-not-trade lists forbid, the latter so that two people may let one order pass.
    A watch list lets pass and tells compliance alone. A universe names what may be traded, a group
    what belongs together. Members are CUSIPs, issuers by name, or account ids.
    """

    class Kind(models.TextChoices):
        RESTRICTED = "restricted"
        WATCH = "watch"
        DO_NOT_TRADE = "do_not_trade"
        UNIVERSE = "universe"
        GROUP = "group"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    cusips = ArrayField(models.CharField(max_length=9), default=list, blank=True)
    issuers = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    accounts = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    created_by = person_or_none()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name", "version"], name="list_version_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["restricted", "watch", "do_not_trade", "universe", "group"]),
                name="list_kind_known",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="list_version_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Mandate(models.Model):
    """One version of what an account's client allows; the highest approved one is in force.

    `rules`: min_rating, asset_classes, sectors, countries, currencies, excluded_sectors,
    excluded_countries, excluded_issuers, max_maturity_years.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.PositiveIntegerField()
    rules = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    created_by = person_or_none()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "version"], name="mandate_version_once"),
            models.CheckConstraint(condition=Q(version__gte=1), name="mandate_version_counts"),
        ]

    def __str__(self) -> str:
        return f"mandate of {self.account_id} v{self.version}"
