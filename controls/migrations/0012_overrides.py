"""Overrides: what two people let pass once. And compliance finds what a watch list has named."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.firm import exact_json
from oms_site.journal import columns, laws

TERMS = [
    "id",
    "organization_id",
    "asked_for",
    "terms",
    "controls",
    "accounts",
    "cusip",
    "side",
    "order_qty",
    "limit_price",
    "maker_id",
    "reason",
    "requested_by_id",
    "requested_at",
    "expires_at",
]
# Whoever takes orders must know of what was granted, and of what was used, before the next look.
KNOWN_AT_ONCE = """
CREATE TRIGGER controls_override_generation AFTER INSERT OR UPDATE OF status
    ON controls_override FOR EACH STATEMENT EXECUTE FUNCTION oms_raise_halt_generation();
"""
ONCE = """
CREATE TRIGGER controls_override_once BEFORE UPDATE ON controls_override FOR EACH ROW
    WHEN (OLD.status IN ('used', 'refused'))
    EXECUTE FUNCTION oms_refuse('an override is good for one order');
"""
GRANTED_FIRST = """
CREATE TRIGGER controls_override_granted BEFORE UPDATE ON controls_override FOR EACH ROW
    WHEN (NEW.status = 'used' AND (OLD.status <> 'granted'
        OR NEW.decided_by_id IS DISTINCT FROM OLD.decided_by_id))
    EXECUTE FUNCTION oms_refuse('a second person grants it first');
CREATE TRIGGER controls_override_asked BEFORE INSERT ON controls_override FOR EACH ROW
    WHEN (NEW.status <> 'requested')
    EXECUTE FUNCTION oms_refuse('an override is asked for first');
"""
WATCHED = """
CREATE INDEX controls_screening_watched ON controls_screening (organization_id, screened_at)
    WHERE results @> '[["builtin.universe.watched"]]'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0011_both_modes_stand"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("asked_for", models.CharField(max_length=40)),
                ("terms", models.CharField(max_length=64)),
                ("controls", exact_json.ExactJSONField()),
                (
                    "accounts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), size=None
                    ),
                ),
                ("cusip", models.CharField(max_length=9)),
                ("side", models.CharField(max_length=4)),
                ("order_qty", columns.qty()),
                (
                    "limit_price",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=18, null=True),
                ),
                ("reason", models.CharField(max_length=500)),
                ("requested_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("status", models.CharField(default="requested", max_length=9)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("used_order", models.CharField(blank=True, max_length=40, null=True)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", columns.to(settings.AUTH_USER_MODEL, constraint=False, null=True)),
                ("maker", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
                ("organization", columns.organization()),
                ("requested_by", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "requested_at"], name="override_log"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(status__in=["requested", "granted", "refused", "used"]),
                        name="override_status_known",
                    ),
                    models.CheckConstraint(
                        condition=Q(decided_by=None, status="requested")
                        | Q(decided_by__isnull=False, status="refused")
                        | (
                            Q(decided_by__isnull=False, status__in=["granted", "used"])
                            & ~Q(decided_by=F("requested_by"))
                            & ~Q(decided_by=F("maker"))
                        ),
                        name="override_by_two",
                    ),
                    models.CheckConstraint(
                        condition=Q(status="used", used_at__isnull=False, used_order__isnull=False)
                        | (~Q(status="used") & Q(used_at=None, used_order=None)),
                        name="override_used_says_by_what",
                    ),
                    models.CheckConstraint(
                        condition=Q(used_at=None) | Q(used_at__lt=F("expires_at")),
                        name="override_used_in_time",
                    ),
                    models.CheckConstraint(condition=~Q(reason=""), name="override_has_a_reason"),
                    models.UniqueConstraint(
                        condition=~Q(used_order=None),
                        fields=("used_order",),
                        name="one_override_per_order",
                    ),
                    models.UniqueConstraint(
                        condition=Q(status__in=["requested", "granted"]),
                        fields=("organization", "asked_for"),
                        name="override_asked_once",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [*laws.living("controls_override", TERMS), KNOWN_AT_ONCE, ONCE, GRANTED_FIRST],
            # The triggers go with their table.
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(WATCHED, "DROP INDEX controls_screening_watched"),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
