"""How bookings are to be made: each custodian's booking configuration, and when legs are released.

Both keep their history: a change is a new version, what was used stays readable for ever.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from allocations.models.account import Custodian
from oms_site.firm.models import Organization


class BookingConfiguration(models.Model):
    """What one organization tells one custodian with every booking. The newest active one counts.

    `booking_type` and `instructions` go on the wire; a leg names the version it was made under.
    """

    class Type(models.TextChoices):
        """How a custodian is to book: BookingType(775) of FIX, and two usual ways beside it."""

        REGULAR = "regular"
        AVERAGE_PRICE = "average_price"
        DVP = "dvp", "delivery against payment"

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    custodian = models.ForeignKey(Custodian, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    booking_type = models.CharField(max_length=16, choices=Type.choices, default=Type.REGULAR)
    instructions = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "custodian", "number"], name="configuration_number_once"
            ),
            models.UniqueConstraint(
                fields=["organization", "custodian"],
                name="one_active_configuration",
                condition=Q(active=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} at {self.custodian_id}, {self.number}"


class ReleaseRule(models.Model):
    """When the legs of matching allocations are queued: the first active match by `position`.

    Empty conditions match everything. Without a match the strategy decides: at the fill where every
    fill keeps its price, at the end where they share one.
    """

    class When(models.TextChoices):
        FILL = "fill", "with every fill"
        CLOSE = "close", "when no more will come"
        HAND = "hand", "when a person says so"

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)
    asset_class = models.CharField(max_length=12, blank=True)
    strategy = models.CharField(max_length=32, blank=True)
    release = models.CharField(max_length=5, choices=When.choices)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="release_rule_name_once"),
            models.CheckConstraint(
                condition=Q(release__in=["fill", "close", "hand"]), name="release_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name
