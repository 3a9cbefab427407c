"""What can be traded, and the price it is measured against."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Instrument(models.Model):
    """A security. Prices of bonds are clean, in percent of par; of equities, per share."""

    class AssetClass(models.TextChoices):
        TREASURY = "treasury"
        AGENCY = "agency"
        CORPORATE = "corporate"
        MUNICIPAL = "municipal"
        EQUITY = "equity"

    class Status(models.TextChoices):
        ACTIVE = "active"
        HALTED = "halted"
        MATURED = "matured"

    cusip = models.CharField(max_length=9, unique=True)
    isin = models.CharField(max_length=12, unique=True)
    symbol = models.CharField(max_length=40, blank=True)
    description = models.CharField(max_length=120)
    asset_class = models.CharField(max_length=12, choices=AssetClass.choices)
    issuer = models.CharField(max_length=120)
    sector = models.CharField(max_length=40, blank=True)
    country = models.CharField(max_length=2, default="US")
    rating = models.CharField(max_length=8, blank=True)
    market = models.CharField(max_length=8, default="SIFMA")
    currency = models.CharField(max_length=3, default="USD")
    issue_date = models.DateField(null=True, blank=True)
    maturity_date = models.DateField(null=True, blank=True)
    coupon_percent = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    frequency = models.PositiveSmallIntegerField(default=2)
    day_count = models.CharField(max_length=24, blank=True)
    min_denomination = models.DecimalField(max_digits=20, decimal_places=6)
    min_increment = models.DecimalField(max_digits=20, decimal_places=6)
    illustrative = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(min_increment__gt=0) & Q(min_denomination__gt=0),
                name="instrument_sizes_positive",
            )
        ]

    def __str__(self) -> str:
        return f"{self.cusip} {self.description}"


class ReferencePrice(models.Model):
    """The latest price known of an instrument, with its source and time; controls measure by it.

    While one venue bids more than another asks it is `crossed`: it is the last that was good, with
    its time, so that whoever limits its age measures by it for a while and then by nothing.
    """

    instrument = models.OneToOneField(
        Instrument, primary_key=True, on_delete=models.CASCADE, related_name="reference_price"
    )
    bid_px = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    ask_px = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    mid_px = models.DecimalField(max_digits=18, decimal_places=8)
    source = models.CharField(max_length=20)
    at = models.DateTimeField()
    crossed = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(mid_px__gt=0), name="reference_price_positive")
        ]

    def __str__(self) -> str:
        return f"{self.mid_px} from {self.source}"
