"""The journal's tables. Events and the feed are append-only: the database refuses anything else."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.db.models import Q


class MsgType(StrEnum):
    """Which stream message carries an event; `internal` ones are for the audit only."""

    ORDER_UPDATE = "order_update"
    SYSTEM_UPDATE = "system_update"
    INTERNAL = "internal"


class Event(models.Model):
    """One fact: `body` is the exact frame clients see (but its number), `changes` what it moved.

    There are no foreign keys on purpose: the log never interferes with live data. `subject` is the
    row whose version became `seq`; `order_id` says to whose timeline it belongs.
    """

    event_id = models.CharField(max_length=32)
    organization_id = models.CharField(max_length=40)
    msg_type = models.CharField(max_length=16)
    event_type = models.CharField(max_length=48)
    subject = models.CharField(max_length=40)
    seq = models.PositiveIntegerField()
    order_id = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=80)
    correlation_id = models.CharField(max_length=64, blank=True)
    body = models.TextField()
    changes = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "seq"], name="event_seq_once"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="event_seq_from_one"),
        ]
        indexes = [
            # An order's own events are found by subject; this finds those of its descendants.
            models.Index(
                fields=["order_id", "id"],
                name="event_of_order",
                condition=~Q(order_id="") & ~Q(order_id=models.F("subject")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_type} #{self.seq} of {self.subject}"


class Feed(models.Model):
    """The order of everything that happened to one organization, written after commit.

    Only the sequencer writes it. `position` is gap-free over all events and `link` chains each to
    the one before; `msg_number` (UTC date and ten digits, gap-free within its day) numbers those
    that clients see.
    """

    pk = models.CompositePrimaryKey("organization_id", "position")
    organization_id = models.CharField(max_length=40)
    position = models.BigIntegerField()
    msg_number = models.BigIntegerField(null=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="feed")
    link = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "msg_number"],
                name="msg_number_once",
                condition=~Q(msg_number=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.position}"


class IdempotencyKey(models.Model):
    """An `Idempotency-Key` once used: the same content gets the first answer, other content 422."""

    organization_id = models.CharField(max_length=40)
    key = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    created_at = models.DateTimeField()

    INSERTED_BY = ("organization_id", "key")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "key"], name="idempotency_key_once")
        ]

    def __str__(self) -> str:
        return self.key
