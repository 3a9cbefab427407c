"""Central matching services: who they are, which trades go to them, and what they tell.

The services stand between us and the other side of a trade; a trade without one is confirmed with
its custodian's desk.
"""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from allocations.models.account import Custodian
from allocations.models.confirming import part
from oms_site.firm.models import Organization
from oms_site.journal.rows import ToldRow


class MatchingService(models.Model):
    """One service; `adapter` is a folder of `allocations.matching.services`."""

    id = models.CharField(primary_key=True, max_length=40)
    name = models.CharField(max_length=80)
    adapter = models.CharField(max_length=20)
    active = models.BooleanField(default=True)
    keep_files_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="files with it are removed after so many days; none: never",
    )

    def __str__(self) -> str:
        return self.name


class MatchingRoute(models.Model):
    """Which trades are matched where: the first active match by `position`.

    Empty conditions match everything; `counterparty` is the broker who dealt. Without a service it
    says that such trades are confirmed with their custodian.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)
    counterparty = models.CharField(max_length=40, blank=True)
    custodian = models.ForeignKey(
        Custodian, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    asset_class = models.CharField(max_length=12, blank=True)
    service = models.ForeignKey(
        MatchingService, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="matching_route_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class MatchingMessage(ToldRow):
    """What a service told us, raw, once per number; `verdict` accounts for every one."""

    service = part(MatchingService)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "seq"], name="matching_message_once")
        ]
        indexes = [
            models.Index(
                fields=["service", "seq"], name="matching_unapplied", condition=Q(applied_at=None)
            ),
            models.Index(
                fields=["received_at"],
                name="matching_unaccounted",
                condition=Q(verdict__in=["unknown", "unreadable", "not_theirs"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.seq}"
