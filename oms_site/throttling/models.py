"""Rate tiers, who has which, and who may send no orders for having asked too often too long."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from oms_site.firm.models import ApiKey, Organization, User, person_or_none
from oms_site.journal.rows import LedgerRow


class RateTier(models.Model):
    """Limits by lane. Whoever has no grant has the tier named `standard`."""

    name = models.SlugField(primary_key=True, max_length=40)
    orders_per_second = models.PositiveIntegerField(default=100)
    orders_per_minute = models.PositiveIntegerField(default=1_000)
    burst_factor = models.PositiveSmallIntegerField(
        default=1, help_text="How many times the normal orders a second, while a burst lasts."
    )
    burst_seconds = models.PositiveSmallIntegerField(
        default=0, help_text="How long a full burst lasts; it is there again ten minutes later."
    )
    cancels_per_second = models.PositiveIntegerField(default=500)
    cancels_per_minute = models.PositiveIntegerField(default=10_000)
    others_per_second = models.PositiveIntegerField(default=100)
    others_per_minute = models.PositiveIntegerField(default=3_000)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    orders_per_second__gte=1,
                    orders_per_minute__gte=1,
                    burst_factor__gte=1,
                    cancels_per_second__gte=1,
                    cancels_per_minute__gte=1,
                    others_per_second__gte=1,
                    others_per_minute__gte=1,
                ),
                name="rate_tier_lets_something_in",
            )
        ]

    def __str__(self) -> str:
        return self.name


class RateGrant(models.Model):
    """Which tier a user, a key or a whole organization has: exactly one of the three."""

    tier = models.ForeignKey(RateTier, on_delete=models.PROTECT, related_name="grants")
    user = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    api_key = models.OneToOneField(
        ApiKey, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    organization = models.OneToOneField(
        Organization, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, api_key=None, organization=None)
                | Q(user=None, api_key__isnull=False, organization=None)
                | Q(user=None, api_key=None, organization__isnull=False),
                name="rate_grant_to_exactly_one",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tier_id} for {self.api_key or self.user or self.organization}"


class RateRestriction(LedgerRow):
    """Somebody who may send no orders for a time; cancels and questions go on."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    api_key = models.ForeignKey(
        ApiKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    since = models.DateTimeField()
    until = models.DateTimeField()
    reason = models.CharField(max_length=200)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = person_or_none()
    lift_reason = models.CharField(max_length=500, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("lifted_at", "lifted_by_id", "lift_reason")

    class Meta:
        indexes = [
            models.Index(
                fields=["user"], condition=Q(lifted_at=None), name="rate_restriction_standing"
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None)
                | Q(lifted_at__isnull=False, lifted_by__isnull=False),
                name="rate_restriction_lifted_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} since {self.since:%Y-%m-%d %H:%M}"
