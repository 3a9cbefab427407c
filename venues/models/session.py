"""Trading days as data, so that an unscheduled close is an edit and not a deployment."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class TradingDayRow(models.Model):
    """One day on which a market trades. Times are UTC; a date without a row has no session."""

    market = models.CharField(max_length=8)
    date = models.DateField()
    kind = models.CharField(max_length=4, default="full")
    regular_open = models.DateTimeField()
    regular_close = models.DateTimeField()
    extended_open = models.DateTimeField()
    extended_close = models.DateTimeField()

    class Meta:
        verbose_name = "trading day"
        constraints = [
            models.UniqueConstraint(fields=["market", "date"], name="trading_day_once"),
            models.CheckConstraint(
                condition=Q(extended_open__lte=F("regular_open"))
                & Q(regular_open__lt=F("regular_close"))
                & Q(regular_close__lte=F("extended_close")),
                name="trading_day_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market} {self.date}"
