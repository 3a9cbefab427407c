"""Breaks with an owner and two people who close them, adjustments, reconciliations."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from oms_site.journal import columns, laws

REASONS = [
    ("timing", "Timing: both sides agree by now"),
    ("their_error", "Their error: they correct it"),
    ("our_error", "Our error: corrected by its own entry"),
    ("accepted", "Explained: it is as it should be"),
    ("duplicate", "The same as another break"),
]
OUTCOMES = [
    ("clean", "Clean"),
    ("breaks", "Breaks"),
    ("not_checked", "Not Checked"),
    ("unsupported", "Unsupported"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_rfq"),
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddField("break", "owner", columns.to(settings.AUTH_USER_MODEL, null=True)),
        migrations.AddField(
            "break",
            "reason_code",
            models.CharField(blank=True, choices=REASONS, default="", max_length=20),
            preserve_default=False,
        ),
        migrations.AddField(
            "break", "proposed_by", columns.to(settings.AUTH_USER_MODEL, null=True)
        ),
        migrations.AddField("break", "proposed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("break", "closed_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
        migrations.AddConstraint(
            "break",
            models.CheckConstraint(
                condition=Q(closed_by=None) | ~Q(closed_by=F("proposed_by")),
                name="break_maker_is_not_checker",
            ),
        ),
        migrations.AddConstraint(
            "break",
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None)
                | Q(closed_at__isnull=False, closed_by__isnull=False, proposed_by__isnull=False),
                name="break_closed_by_two",
            ),
        ),
        migrations.CreateModel(
            name="Adjustment",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("reason_code", models.CharField(max_length=20)),
                ("text", models.CharField(max_length=200)),
                ("evidence", models.JSONField(default=dict)),
                ("made_at", models.DateTimeField()),
                ("approved_by", columns.to(settings.AUTH_USER_MODEL)),
                ("explained", columns.to("orders.break", "adjustments", index=True)),
                ("made_by", columns.to(settings.AUTH_USER_MODEL)),
                ("organization", columns.organization()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=~Q(made_by=F("approved_by")),
                        name="adjustment_maker_is_not_checker",
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", columns.number()),
                ("phase", models.CharField(max_length=10)),
                ("kind", models.CharField(max_length=10)),
                ("party", models.CharField(blank=True, max_length=40)),
                ("day", models.DateField()),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("outcome", models.CharField(choices=OUTCOMES, max_length=12)),
                ("compared", models.PositiveIntegerField(default=0)),
                ("found", models.PositiveIntegerField(default=0)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("organization", columns.to("firm.organization", index=True, constraint=False)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "-ended_at"], name="latest_reconciliation")
                ]
            },
        ),
        migrations.RunSQL(laws.append_only("orders_adjustment"), migrations.RunSQL.noop),
        migrations.RunSQL(laws.append_only("orders_reconciliation"), migrations.RunSQL.noop),
    ]
