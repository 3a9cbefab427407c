"""Where orders can be sent, and what each venue takes."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

PROTOCOLS = ("limit_order_book", "rfq", "internal_cross", "custodian")


def default_protocols() -> list[str]:
    """What a new venue is taken for: an order book."""
    return ["limit_order_book"]


class Venue(models.Model):
    """An exchange, ATS or dealer: which gateway speaks to it, and what it can do.

    An empty list of capabilities means all of them; times are New York's. Active is a venue whose
    present configuration has passed its certification: the database refuses any other.
    """

    class Status(models.TextChoices):
        TESTING = "testing"
        ACTIVE = "active"
        SUSPENDED = "suspended"

    class Amends(models.TextChoices):
        REPLACE = "replace", "replaces orders (G)"
        CANCEL_NEW = "cancel_new", "cancels and takes a new order"

    id = models.CharField(primary_key=True, max_length=20)
    name = models.CharField(max_length=80)
    mpid = models.CharField(max_length=8)
    gateway = models.CharField(max_length=20, default="simulator")
    asset_classes = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    ord_types = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    protocols = ArrayField(models.CharField(max_length=20), default=default_protocols, blank=True)
    times_in_force = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    amends = models.CharField(max_length=10, choices=Amends.choices, default=Amends.REPLACE)
    min_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    max_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    qty_increment = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    opens_at = models.TimeField(null=True, blank=True)
    closes_at = models.TimeField(null=True, blank=True)
    cutoff_at = models.TimeField(null=True, blank=True)
    template = models.JSONField(default=dict, blank=True)
    preference = models.PositiveSmallIntegerField(default=100)
    max_messages_per_s = models.PositiveIntegerField(
        default=0, help_text="0: as many as there are."
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.TESTING)
    connected_at = models.DateTimeField(null=True, blank=True)
    last_heard_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(min_qty=None) | Q(min_qty__gt=0))
                & (Q(qty_increment=None) | Q(qty_increment__gt=0))
                & (Q(max_qty=None) | Q(max_qty__gt=0))
                & (Q(min_qty=None) | Q(max_qty=None) | Q(min_qty__lte=F("max_qty"))),
                name="venue_sizes_make_sense",
            ),
            models.CheckConstraint(
                condition=(Q(opens_at=None) & Q(closes_at=None))
                | (
                    Q(opens_at__isnull=False)
                    & Q(closes_at__isnull=False)
                    & Q(opens_at__lt=F("closes_at"))
                ),
                name="venue_opens_before_it_closes",
            ),
        ]

    def __str__(self) -> str:
        return self.name
