"""Tiers, grants, restrictions; the terms of a restriction never change, and it stays."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

TERMS = ("id", "organization_id", "user_id", "api_key_id", "since", "until", "reason")
STANDARD = (
    "INSERT INTO throttling_ratetier (name, orders_per_second, orders_per_minute, burst_factor,"
    " burst_seconds, cancels_per_second, cancels_per_minute, others_per_second, others_per_minute)"
    " VALUES ('standard', 100, 1000, 2, 10, 500, 10000, 100, 3000)"
)


def _has(to):
    return models.OneToOneField(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.CASCADE,
        related_name="+",
        to=to,
    )


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="RateTier",
            fields=[
                ("name", models.SlugField(max_length=40, primary_key=True, serialize=False)),
                ("orders_per_second", models.PositiveIntegerField(default=100)),
                ("orders_per_minute", models.PositiveIntegerField(default=1000)),
                (
                    "burst_factor",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="How many times the normal orders a second, while a burst lasts.",
                    ),
                ),
                (
                    "burst_seconds",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="How long a full burst lasts; it is there again ten minutes"
                        " later.",
                    ),
                ),
                ("cancels_per_second", models.PositiveIntegerField(default=500)),
                ("cancels_per_minute", models.PositiveIntegerField(default=10000)),
                ("others_per_second", models.PositiveIntegerField(default=100)),
                ("others_per_minute", models.PositiveIntegerField(default=3000)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(
                            orders_per_second__gte=1,
                            orders_per_minute__gte=1,
                            burst_factor__gte=1,
                            cancels_per_second__gte=1,
                            cancels_per_minute__gte=1,
                            others_per_second__gte=1,
                            others_per_minute__gte=1,
                        ),
                        name="rate_tier_lets_something_in",
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="RateGrant",
            fields=[
                ("id", columns.number()),
                ("api_key", _has("firm.apikey")),
                ("organization", _has("firm.organization")),
                ("tier", columns.to("throttling.ratetier", "grants", index=True)),
                ("user", _has(settings.AUTH_USER_MODEL)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(user__isnull=False, api_key=None, organization=None)
                        | Q(user=None, api_key__isnull=False, organization=None)
                        | Q(user=None, api_key=None, organization__isnull=False),
                        name="rate_grant_to_exactly_one",
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="RateRestriction",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("reason", models.CharField(max_length=200)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lift_reason", models.CharField(blank=True, max_length=500)),
                ("api_key", columns.to("firm.apikey", null=True)),
                ("lifted_by", columns.to(settings.AUTH_USER_MODEL, null=True)),
                ("organization", columns.organization()),
                ("user", columns.to(settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user"],
                        condition=Q(lifted_at=None),
                        name="rate_restriction_standing",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(lifted_at=None, lifted_by=None)
                        | Q(lifted_at__isnull=False, lifted_by__isnull=False),
                        name="rate_restriction_lifted_by_somebody",
                    )
                ],
            },
        ),
        migrations.RunSQL(laws.living("throttling_raterestriction", TERMS), migrations.RunSQL.noop),
        migrations.RunSQL(STANDARD, migrations.RunSQL.noop),
    ]
