"""Who answers inquiries at a venue."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from venues.models.venue import Venue


class Dealer(models.Model):
    """A dealer that can be asked for quotes; `id` is its party id on the wire."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    id = models.CharField(primary_key=True, max_length=20)
    name = models.CharField(max_length=80)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="dealers")
    asset_classes = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)

    def __str__(self) -> str:
        return self.name
