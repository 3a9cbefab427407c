"""Whether a venue does what trading relies on: each run of the acceptance matrix, for ever."""

from __future__ import annotations

from django.db import models

from venues.models.instrument import Instrument
from venues.models.venue import Venue


class Certification(models.Model):
    """One run of the acceptance matrix against a venue as it was configured then.

    `configuration` is the database's own mark of what was tried (`venues_configuration`); a venue
    is active only while the latest run of its present configuration has passed. Append-only.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="certifications")
    configuration = models.CharField(max_length=32)
    passed = models.BooleanField()
    findings = models.JSONField(default=list)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    by = models.CharField(max_length=80)

    class Meta:
        indexes = [models.Index(fields=["venue", "-id"], name="certification_latest")]

    def __str__(self) -> str:
        return f"{self.venue_id} {'passed' if self.passed else 'failed'} {self.ended_at:%Y-%m-%d}"


class VenueSymbol(models.Model):
    """What a venue calls an instrument, where that is not its CUSIP."""

    venue = models.ForeignKey(Venue, on_delete=models.CASCADE, related_name="symbols")
    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+")
    symbol = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "instrument"], name="venue_symbol_once"),
            models.UniqueConstraint(fields=["venue", "symbol"], name="venue_symbol_one_meaning"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.venue_id}"
