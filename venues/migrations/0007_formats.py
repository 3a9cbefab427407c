"""Formats of venues by version and two people, FIX sessions with their numbers, lines measured."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import oms_site.firm.exact_json
from oms_site.journal import columns, laws

_PROTECT = django.db.models.deletion.PROTECT
STATUSES = ["proposed", "approved", "rejected", "withdrawn"]

# What was in use before is version 1, on the word of this migration.
GRANDFATHERED = """
INSERT INTO venues_venueformat
    (venue_id, version, content, status, origin, reason, proposed_at, decided_at)
SELECT id, 1, template, 'approved', 'system', 'in use before formats had versions', now(), now()
FROM venues_venue;
"""
LAWS = """
CREATE FUNCTION venues_format_birth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.origin = 'system' AND NEW.version = 1 AND NEW.status = 'approved'
        AND NEW.proposed_by_id IS NULL AND NEW.decided_by_id IS NULL THEN
        RETURN NEW;
    END IF;
    IF NEW.origin <> '' OR NEW.status <> 'proposed' OR NEW.proposed_by_id IS NULL
        OR NEW.decided_by_id IS NOT NULL OR NEW.decided_at IS NOT NULL THEN
        RAISE EXCEPTION 'refused: a format starts as somebody''s proposal'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER venues_venueformat_birth BEFORE INSERT ON venues_venueformat
    FOR EACH ROW EXECUTE FUNCTION venues_format_birth();

CREATE FUNCTION venues_format_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'proposed' OR NEW.status = 'proposed'
        OR (OLD.venue_id, OLD.version, OLD.content, OLD.origin, OLD.reason, OLD.proposed_by_id,
            OLD.proposed_at) IS DISTINCT FROM (NEW.venue_id, NEW.version, NEW.content, NEW.origin,
            NEW.reason, NEW.proposed_by_id, NEW.proposed_at)
        OR NEW.decided_by_id IS NULL OR NEW.decided_at IS NULL THEN
        RAISE EXCEPTION 'refused: a format is decided once, by somebody, and never changes'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status = 'approved' AND EXISTS (
        SELECT 1 FROM venues_venueformat WHERE venue_id = NEW.venue_id
            AND version > NEW.version AND status = 'approved') THEN
        RAISE EXCEPTION 'refused: a newer format is in force'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER venues_venueformat_step BEFORE UPDATE ON venues_venueformat
    FOR EACH ROW EXECUTE FUNCTION venues_format_step();

-- What has been approved is sent from now on; whoever was certified with something else is not.
CREATE FUNCTION venues_format_applies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE venues_venue SET template = NEW.content,
        status = CASE WHEN status = 'active' THEN 'testing' ELSE status END
    WHERE id = NEW.venue_id AND template IS DISTINCT FROM NEW.content;
    RETURN NULL;
END $$;
CREATE TRIGGER venues_venueformat_applies AFTER UPDATE ON venues_venueformat FOR EACH ROW
    WHEN (NEW.status = 'approved') EXECUTE FUNCTION venues_format_applies();
CREATE TRIGGER venues_venueformat_comes AFTER INSERT ON venues_venueformat FOR EACH ROW
    WHEN (NEW.status = 'approved') EXECUTE FUNCTION venues_format_applies();

CREATE FUNCTION venues_template_by_format() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.template IS DISTINCT FROM (
        SELECT content FROM venues_venueformat
        WHERE venue_id = NEW.id AND status = 'approved' ORDER BY version DESC LIMIT 1) THEN
        RAISE EXCEPTION 'refused: the template of % is its approved format', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER venues_venue_template BEFORE UPDATE OF template ON venues_venue
    FOR EACH ROW WHEN (OLD.template IS DISTINCT FROM NEW.template)
    EXECUTE FUNCTION venues_template_by_format();
CREATE TRIGGER venues_venue_bare BEFORE INSERT ON venues_venue
    FOR EACH ROW WHEN (NEW.template <> '{}'::jsonb)
    EXECUTE FUNCTION oms_refuse('its template is its approved format');
"""
UNDONE = """
DROP TRIGGER venues_venue_bare ON venues_venue;
DROP TRIGGER venues_venue_template ON venues_venue;
DROP FUNCTION venues_template_by_format();
DROP TRIGGER venues_venueformat_comes ON venues_venueformat;
DROP TRIGGER venues_venueformat_applies ON venues_venueformat;
DROP FUNCTION venues_format_applies();
DROP TRIGGER venues_venueformat_step ON venues_venueformat;
DROP FUNCTION venues_format_step();
DROP TRIGGER venues_venueformat_birth ON venues_venueformat;
DROP FUNCTION venues_format_birth();
"""


def _person() -> models.ForeignKey:
    return models.ForeignKey(
        null=True, on_delete=_PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
    )


class Migration(migrations.Migration):
    dependencies = [
        ("venues", "0006_pacing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="VenueFormat",
            fields=[
                ("id", columns.number()),
                ("version", models.PositiveIntegerField()),
                ("content", models.JSONField(blank=True, default=dict)),
                (
                    "status",
                    models.CharField(
                        choices=[(name, name.title()) for name in STATUSES],
                        default="proposed",
                        max_length=9,
                    ),
                ),
                ("origin", models.CharField(blank=True, default="", max_length=20)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("proposed_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", _person()),
                ("proposed_by", _person()),
                ("venue", columns.to("venues.venue", "formats")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("venue", "version"), name="venue_format_once"),
                    models.CheckConstraint(
                        condition=Q(status__in=STATUSES), name="venue_format_status_known"
                    ),
                    models.CheckConstraint(
                        condition=~Q(status="approved")
                        | Q(origin="system")
                        | (Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by"))),
                        name="venue_format_maker_is_not_checker",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FixLine",
            fields=[
                (
                    "session",
                    models.CharField(max_length=32, primary_key=True, serialize=False),
                ),
                ("sender_comp_id", models.CharField(max_length=32)),
                ("target_comp_id", models.CharField(max_length=32)),
                (
                    "addresses",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80), size=None
                    ),
                ),
                ("heartbeat_s", models.PositiveSmallIntegerField(default=2)),
                (
                    "reset",
                    models.CharField(
                        choices=[
                            ("never", "numbers go on for ever"),
                            ("daily", "numbers begin at 1 with each trading day"),
                        ],
                        default="never",
                        max_length=8,
                    ),
                ),
                (
                    "resend_orders_s",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text=(
                            "Orders older than this are never sent again by a resend; 0: none is."
                        ),
                    ),
                ),
                ("venue", columns.to("venues.venue", "fix_lines", index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sender_comp_id", "target_comp_id"), name="fix_line_once"
                    ),
                    models.CheckConstraint(
                        condition=Q(heartbeat_s__gte=1) & Q(heartbeat_s__lte=60),
                        name="fix_line_beats",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FixNumbers",
            fields=[
                (
                    "session",
                    models.CharField(max_length=32, primary_key=True, serialize=False),
                ),
                ("epoch", models.PositiveIntegerField(default=1)),
                ("next_out", models.BigIntegerField(default=1)),
                ("next_in", models.BigIntegerField(default=1)),
                ("reports", models.BigIntegerField(default=0)),
                ("began_on", models.DateField()),
            ],
            options={"verbose_name_plural": "FIX numbers"},
        ),
        migrations.CreateModel(
            name="FixMessage",
            fields=[
                ("id", columns.number()),
                ("session", models.CharField(max_length=32)),
                ("epoch", models.PositiveIntegerField()),
                ("way", models.CharField(max_length=1)),
                ("seq", models.BigIntegerField()),
                ("msg_type", models.CharField(max_length=4)),
                ("cl_ord_id", models.CharField(blank=True, max_length=64)),
                ("report", models.BigIntegerField(blank=True, null=True)),
                ("raw", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "FIX message",
                "indexes": [
                    models.Index(
                        fields=["cl_ord_id"],
                        condition=~Q(cl_ord_id=""),
                        name="fix_message_of_order",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("session", "epoch", "way", "seq"), name="fix_message_once"
                    ),
                    models.UniqueConstraint(
                        fields=("session", "report"),
                        condition=Q(report__isnull=False),
                        name="fix_report_once",
                    ),
                    models.CheckConstraint(condition=Q(way__in=["i", "o"]), name="fix_message_way"),
                ],
            },
        ),
        migrations.CreateModel(
            name="LineState",
            fields=[
                (
                    "venue",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="line",
                        serialize=False,
                        to="venues.venue",
                    ),
                ),
                ("address", models.CharField(blank=True, max_length=80)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("rtt_us", models.PositiveIntegerField(blank=True, null=True)),
                ("offset_ms", models.FloatField(blank=True, null=True)),
                ("connects", models.PositiveIntegerField(default=0)),
                ("measured_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SecurityNotice",
            fields=[
                ("id", columns.number()),
                ("security_id", models.CharField(max_length=40)),
                ("trading_status", models.PositiveSmallIntegerField()),
                ("text", models.CharField(blank=True, max_length=400)),
                ("said_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("venue", columns.to("venues.venue", index=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=Q(done_at=None), fields=["id"], name="security_notice_due"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="VenueExtension",
            fields=[
                (
                    "id",
                    models.CharField(max_length=40, primary_key=True, serialize=False),
                ),
                ("subject", models.CharField(max_length=40)),
                ("algorithm", models.CharField(blank=True, max_length=40)),
                ("parameters", oms_site.firm.exact_json.ExactJSONField()),
                ("organization", columns.organization()),
                ("venue", columns.to("venues.venue")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("subject",), name="venue_extension_once")
                ],
            },
        ),
        migrations.RunSQL([GRANDFATHERED, LAWS], UNDONE),
        migrations.RunSQL(
            [
                laws.reference("venues_venueformat"),
                laws.reference("venues_fixline"),
                *laws.append_only("venues_fixmessage"),
                *laws.append_only("venues_venueextension"),
                laws.kept("venues_venueformat"),
            ],
            migrations.RunSQL.noop,
        ),
    ]
