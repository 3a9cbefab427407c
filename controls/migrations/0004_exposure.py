"""Lists and mandates by version: rows are added and never edited."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from oms_site.journal import columns, laws

KINDS = ["restricted", "watch", "do_not_trade", "universe", "group"]
LABELS = ["Restricted", "Watch", "Do Not Trade", "Universe", "Group"]
TABLES = ("controls_controllist", "controls_mandate")


def _names(length):
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=length), blank=True, default=list, size=None
    )


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0003_governance"),
        ("allocations", "0002_laws"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ControlList",
            fields=[
                ("id", columns.number()),
                ("name", models.CharField(max_length=40)),
                ("version", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(choices=list(zip(KINDS, LABELS, strict=True)), max_length=12),
                ),
                ("cusips", _names(9)),
                ("issuers", _names(120)),
                ("accounts", _names(40)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField()),
                ("created_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("organization", columns.to("firm.organization")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "name", "version"), name="list_version_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", KINDS)), name="list_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="list_version_counts"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Mandate",
            fields=[
                ("id", columns.number()),
                ("version", models.PositiveIntegerField()),
                ("rules", models.JSONField(blank=True, default=dict)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField()),
                ("account", columns.to("allocations.account")),
                ("created_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("organization", columns.to("firm.organization")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "version"), name="mandate_version_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="mandate_version_counts"
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [sql for table in TABLES for sql in laws.append_only(table)], migrations.RunSQL.noop
        ),
        migrations.RunSQL([laws.reference(table) for table in TABLES], migrations.RunSQL.noop),
    ]
