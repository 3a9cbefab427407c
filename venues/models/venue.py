"""Where orders can be sent."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Venue(models.Model):
    """An exchange, ATS or dealer: which gateway speaks to it, and what it can do."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    id = models.CharField(primary_key=True, max_length=20)
    name = models.CharField(max_length=80)
    mpid = models.CharField(max_length=8)
    gateway = models.CharField(max_length=20, default="simulator")
    asset_classes = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    ord_types = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    preference = models.PositiveSmallIntegerField(default=100)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    connected_at = models.DateTimeField(null=True, blank=True)
    last_heard_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
