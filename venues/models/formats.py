"""How a venue wants to be spoken to: its format by version, and the FIX sessions we have there."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from oms_site.firm.exact_json import ExactJSONField
from oms_site.journal.rows import LedgerFact, QueueRow
from venues.models.venue import Venue


class VenueFormat(models.Model):
    """One version of a venue's format: proposed by one person, put in force by another.

    `content` is what `venues.formats.content` reads. The database writes it into `Venue.template`
    when it is approved, and takes an active venue to testing: what is sent has to be certified.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    venue = models.ForeignKey(
        Venue, on_delete=models.PROTECT, related_name="formats", db_index=False
    )
    version = models.PositiveIntegerField()
    content = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PROPOSED)
    # "system" on the one that came with the venue.
    origin = models.CharField(max_length=20, blank=True, default="")
    reason = models.CharField(max_length=500, blank=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "version"], name="venue_format_once"),
            models.CheckConstraint(
                condition=Q(status__in=["proposed", "approved", "rejected", "withdrawn"]),
                name="venue_format_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved")
                | Q(origin="system")
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by"))),
                name="venue_format_maker_is_not_checker",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.venue_id} format {self.version}"


class VenueExtension(LedgerFact):
    """What only its venue knows of an execution order: an algorithm, and parameters by their names.

    `subject` is the execution order; every message that works it says the same. Or it is a
    schedule, whose slices all say it.
    """

    subject = models.CharField(max_length=40)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="+", db_index=False)
    algorithm = models.CharField(max_length=40, blank=True)
    parameters = ExactJSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject"], name="venue_extension_once")]

    def __str__(self) -> str:
        return f"{self.algorithm or 'parameters'} for {self.subject}"


class FixLine(models.Model):
    """One FIX session as it was agreed with a venue: names, addresses, beats, and how it is sealed.

    The session named as the venue carries orders, `CERT-<venue>` certifications. Addresses are
    `host:port`, the first one first; `outside:fix` is what the simulated venue says of itself.
    With `tls` the venue's certificate is checked against `tls_ca_file` (else the machine's own
    authorities) and `tls_server_name` (else the host); ours is in files of this machine.
    """

    class Reset(models.TextChoices):
        NEVER = "never", "numbers go on for ever"
        DAILY = "daily", "numbers begin at 1 with each trading day"

    session = models.CharField(primary_key=True, max_length=32)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="fix_lines")
    sender_comp_id = models.CharField(max_length=32)
    target_comp_id = models.CharField(max_length=32)
    addresses = ArrayField(models.CharField(max_length=80))
    heartbeat_s = models.PositiveSmallIntegerField(default=2)
    reset = models.CharField(max_length=8, choices=Reset.choices, default=Reset.NEVER)
    market_data = models.BooleanField(
        default=False, help_text="Books and tapes are asked for in this session (V)."
    )
    tls = models.BooleanField(default=False, verbose_name="TLS", help_text="1.2 or newer.")
    tls_ca_file = models.CharField(
        max_length=255, blank=True, default="", verbose_name="TLS authorities file"
    )
    tls_server_name = models.CharField(
        max_length=120, blank=True, default="", verbose_name="TLS server name"
    )
    tls_certificate_file = models.CharField(
        max_length=255, blank=True, default="", verbose_name="our TLS certificate file"
    )
    tls_key_file = models.CharField(
        max_length=255, blank=True, default="", verbose_name="our TLS key file"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sender_comp_id", "target_comp_id"], name="fix_line_once"
            ),
            models.CheckConstraint(
                condition=Q(tls=True)
                | Q(tls_ca_file="", tls_server_name="", tls_certificate_file="", tls_key_file=""),
                name="fix_line_tls_or_none_of_it",
            ),
            models.CheckConstraint(
                condition=Q(tls_certificate_file="", tls_key_file="")
                | (~Q(tls_certificate_file="") & ~Q(tls_key_file="")),
                name="fix_line_certificate_and_key",
            ),
            models.CheckConstraint(
                condition=Q(heartbeat_s__gte=1) & Q(heartbeat_s__lte=60), name="fix_line_beats"
            ),
        ]

    def __str__(self) -> str:
        return self.session


class FixNumbers(models.Model):
    """Where a session stands: the next numbers each way, and how many reports it has brought.

    Written by the gateway process alone, in one transaction with the messages they count. `asked`
    is the last epoch in which every live order was asked about: what was said before is caught up.
    """

    session = models.CharField(primary_key=True, max_length=32)
    epoch = models.PositiveIntegerField(default=1)
    asked = models.PositiveIntegerField(default=1, db_default=1)
    next_out = models.BigIntegerField(default=1)
    next_in = models.BigIntegerField(default=1)
    reports = models.BigIntegerField(default=0)
    began_on = models.DateField()

    class Meta:
        verbose_name_plural = "FIX numbers"

    def __str__(self) -> str:
        return f"{self.session}: in {self.next_in}, out {self.next_out}"


class FixMessage(models.Model):
    """A message of a session as it went or came, to the byte, for ever.

    Heartbeats are counted but not kept. `report` numbers what a venue said of orders, gap-free over
    all epochs: the number by which the inbox knows it.
    """

    session = models.CharField(max_length=32)
    epoch = models.PositiveIntegerField()
    way = models.CharField(max_length=1)
    seq = models.BigIntegerField()
    msg_type = models.CharField(max_length=4)
    cl_ord_id = models.CharField(max_length=64, blank=True)
    report = models.BigIntegerField(null=True, blank=True)
    raw = models.TextField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = "FIX message"
        constraints = [
            models.UniqueConstraint(
                fields=["session", "epoch", "way", "seq"], name="fix_message_once"
            ),
            models.UniqueConstraint(
                fields=["session", "report"],
                condition=Q(report__isnull=False),
                name="fix_report_once",
            ),
            models.CheckConstraint(condition=Q(way__in=["i", "o"]), name="fix_message_way"),
        ]
        indexes = [
            models.Index(
                fields=["cl_ord_id"], condition=~Q(cl_ord_id=""), name="fix_message_of_order"
            )
        ]

    def __str__(self) -> str:
        return f"{self.session} {self.way} {self.seq} {self.msg_type}"


class SecurityNotice(QueueRow):
    """What a venue said of trading in a security, until the halts have taken it in."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="+")
    security_id = models.CharField(max_length=40)
    trading_status = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=400, blank=True)
    said_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="security_notice_due", condition=Q(done_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.security_id} is {self.trading_status} at {self.venue_id}"


class LineState(models.Model):
    """How the line of a venue is now, as the gateway process measures it; nothing decides by it."""

    venue = models.OneToOneField(
        Venue, primary_key=True, on_delete=models.CASCADE, related_name="line"
    )
    address = models.CharField(max_length=80, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    rtt_us = models.PositiveIntegerField(null=True, blank=True)
    offset_ms = models.FloatField(null=True, blank=True)
    connects = models.PositiveIntegerField(default=0)
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.venue_id} by {self.address or 'its only way'}"
