"""What venues showed, what they cost, and what a routing decision saw."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from oms_site.firm.exact_json import ExactJSONField
from oms_site.journal.rows import LedgerFact
from venues.models.instrument import Instrument
from venues.models.venue import Venue


class TopOfBook(models.Model):
    """The best prices of one venue's book of one instrument, as the venue last told them."""

    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="tops_of_book", db_index=False
    )
    venue = models.ForeignKey(Venue, on_delete=models.CASCADE, related_name="+", db_index=False)
    bid_px = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    bid_size = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    ask_px = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    ask_size = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "venue"], name="top_of_book_once")
        ]

    def __str__(self) -> str:
        return f"{self.bid_px} / {self.ask_px} at {self.venue_id}"


class VenueProfile(models.Model):
    """What trading at a venue costs and takes: configuration that routing reads from memory.

    Fees are price points per unit (per 100 par of a bond, per share), negative for a rebate.
    """

    venue = models.OneToOneField(
        Venue, primary_key=True, on_delete=models.CASCADE, related_name="profile"
    )
    taker_fee = models.DecimalField(max_digits=10, decimal_places=6, default=0)
    maker_fee = models.DecimalField(max_digits=10, decimal_places=6, default=0)
    fill_probability = models.DecimalField(max_digits=4, decimal_places=3, default=1)
    latency_ms = models.PositiveIntegerField(default=0)
    is_dark = models.BooleanField(default=False)
    dark_min_size = models.DecimalField(max_digits=20, decimal_places=6, default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(fill_probability__gte=0) & Q(fill_probability__lte=1),
                name="fill_probability_is_a_probability",
            )
        ]

    def __str__(self) -> str:
        return f"{self.venue_id}: {self.taker_fee} to take"


class RoutingDecision(LedgerFact):
    """Why an execution order went where it went, with the quotes that were seen, for ever.

    `subject` is the execution order. `quotes` are the books as they counted at that moment, down to
    the levels in question; `scores` each venue's, with what spoke against the others.
    """

    subject = models.CharField(max_length=40)
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=8)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    reason = models.CharField(max_length=1000)
    slices = ExactJSONField()
    scores = ExactJSONField()
    quotes = ExactJSONField()
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["route", "reroute", "cross"]), name="routing_kind_known"
            )
        ]
        indexes = [models.Index(fields=["subject"], name="routing_decision_of")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
