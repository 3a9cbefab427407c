"""Circuit breakers as data, and the prices they look back at."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controls.models.halt import Halt
from oms_site.firm.models import Organization
from venues.models import Instrument


class Breaker(models.Model):
    """When something is halted without anybody asking for it; the house's stop everybody.

    `price_move`: the price moved by more than `percent` within `window_s`. `imbalance`: more than
    `percent` of the book stands on one side. `capacity`: more than `most` things wait to be done.
    """

    class Kind(models.TextChoices):
        PRICE_MOVE = "price_move"
        IMBALANCE = "imbalance"
        CAPACITY = "capacity"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    # Of which security; empty for every one.
    cusip = models.CharField(max_length=9, blank=True)
    percent = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    window_s = models.PositiveIntegerField(default=300)
    most = models.PositiveIntegerField(null=True, blank=True)
    mode = models.CharField(max_length=10, choices=Halt.Mode.choices, default=Halt.Mode.HALT.value)
    cancels = models.BooleanField(default=False)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="breaker_name_once"),
            models.CheckConstraint(
                condition=(Q(kind="capacity") & Q(most__isnull=False) & Q(most__gt=0))
                | (~Q(kind="capacity") & Q(percent__isnull=False) & Q(percent__gt=0)),
                name="breaker_has_its_number",
            ),
            models.CheckConstraint(
                condition=Q(window_s__gte=1) & Q(window_s__lte=3600), name="breaker_window"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PriceMark(models.Model):
    """A price as it was quoted at a moment, kept for an hour."""

    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    at = models.DateTimeField(db_index=True)
    price = models.DecimalField(max_digits=18, decimal_places=8)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instrument", "at"], name="price_mark_once")]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.price}"
