"""Order groups: a rolling limit on what is filled of them together."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

TERMS = [
    "id",
    "organization_id",
    "client_order_group_id",
    "name",
    "limit_qty",
    "window_s",
    "created_by_id",
    "created_at",
]
# Whoever refuses orders must know of a lock, and of a reset, before the next look.
KNOWN_AT_ONCE = """
CREATE TRIGGER controls_ordergroup_generation AFTER INSERT OR UPDATE OF status
    ON controls_ordergroup FOR EACH STATEMENT EXECUTE FUNCTION oms_raise_halt_generation();
"""
A_PERSON_RESETS = """
CREATE TRIGGER controls_ordergroup_reset BEFORE UPDATE ON controls_ordergroup FOR EACH ROW
    WHEN (OLD.status = 'locked' AND NEW.status = 'open'
        AND (NEW.reset_by_id IS NULL OR NEW.counted_from IS NULL
            OR NEW.counted_from < OLD.locked_at))
    EXECUTE FUNCTION oms_refuse('a person resets it, and counts anew');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0009_list_approval"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="OrderGroup",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("client_order_group_id", models.CharField(blank=True, max_length=80, null=True)),
                ("name", models.CharField(max_length=80)),
                ("limit_qty", columns.qty()),
                ("window_s", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
                ("status", models.CharField(default="open", max_length=8)),
                ("counted_from", models.DateTimeField(blank=True, null=True)),
                ("locks", models.PositiveIntegerField(default=0)),
                ("locked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "locked_qty",
                    models.DecimalField(blank=True, decimal_places=6, max_digits=24, null=True),
                ),
                ("created_by", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
                ("organization", columns.organization()),
                ("reset_by", columns.to(settings.AUTH_USER_MODEL, constraint=False, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "created_at"], name="order_group_log"),
                    models.Index(
                        condition=Q(status="locked"),
                        fields=["organization"],
                        name="order_group_locked",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=~Q(client_order_group_id=None),
                        fields=("organization", "client_order_group_id"),
                        name="client_order_group_id_for_ever",
                    ),
                    models.UniqueConstraint(
                        fields=("id", "organization"), name="order_group_of_whom"
                    ),
                    models.CheckConstraint(
                        condition=Q(status__in=["open", "locked"]), name="order_group_status_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(limit_qty__gt=0), name="order_group_limit_positive"
                    ),
                    models.CheckConstraint(
                        condition=Q(window_s__gte=1) & Q(window_s__lte=3600),
                        name="order_group_window",
                    ),
                    models.CheckConstraint(
                        condition=Q(locked_at=None, status="open")
                        | Q(locked_at__isnull=False, status="locked"),
                        name="order_group_lock_has_a_moment",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [*laws.living("controls_ordergroup", TERMS), KNOWN_AT_ONCE, A_PERSON_RESETS],
            # The triggers go with their table.
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
