"""What goes out to venues and what comes in, kept raw: queues and evidence in one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from oms_site.journal.rows import QueueRow, ToldRow
from venues.models.venue import Venue


class Outbound(QueueRow):
    """A message for a venue, written with the fact that causes it and sent after commit.

    Sent is not received: until a report names its ClOrdID the message is in doubt, and doubt is
    resolved by asking for the status, never by sending a new id.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="+")
    cl_ord_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=3)
    body = models.TextField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    sends = models.PositiveSmallIntegerField(default=0)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # One NewOrder, one cancel per ClOrdID for ever; only status requests repeat.
            models.UniqueConstraint(
                fields=["cl_ord_id", "kind"],
                name="outbound_once",
                condition=~Q(kind="H"),
            )
        ]
        indexes = [
            models.Index(fields=["venue", "id"], name="outbound_unsent", condition=Q(sent_at=None)),
            models.Index(
                fields=["venue", "sent_at"],
                name="outbound_in_doubt",
                condition=Q(answered_at=None) & ~Q(sent_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.cl_ord_id}"


class Inbound(ToldRow):
    """A report as it came, once per venue and number, applied in that order.

    `verdict` accounts for every one: applied, duplicate, break or unreadable.
    """

    # Found by its number; another index would be one more to write with every report.
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "seq"], name="inbound_once"),
        ]
        indexes = [
            models.Index(
                fields=["venue", "seq"], name="inbound_unapplied", condition=Q(applied_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.venue_id} {self.seq}"
