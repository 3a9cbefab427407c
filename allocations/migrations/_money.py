"""Corporate actions, rates of currencies, margin.

Operations of the migration of post-trade beside this file.
"""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models

from oms_site.journal import columns

OPERATIONS: list[migrations.operations.base.Operation] = [
    migrations.CreateModel(
        name="CorporateAction",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("version", models.PositiveIntegerField(default=0)),
            (
                "kind",
                models.CharField(
                    choices=[
                        ("coupon", "Coupon"),
                        ("dividend", "Dividend"),
                        ("redemption", "redemption at maturity"),
                        ("call", "full call"),
                        ("split", "Split"),
                    ],
                    max_length=10,
                ),
            ),
            ("record_date", models.DateField()),
            ("pay_date", models.DateField()),
            ("rate", models.DecimalField(decimal_places=10, default=0, max_digits=20)),
            ("ratio_new", models.PositiveIntegerField(default=0)),
            ("ratio_old", models.PositiveIntegerField(default=0)),
            ("source", models.CharField(max_length=40)),
            ("reason", models.CharField(blank=True, max_length=300)),
            ("announced_at", models.DateTimeField()),
            (
                "status",
                models.CharField(
                    choices=[
                        ("announced", "Announced"),
                        ("applied", "Applied"),
                        ("withdrawn", "Withdrawn"),
                    ],
                    default="announced",
                    max_length=10,
                ),
            ),
            ("decided_at", models.DateTimeField(blank=True, null=True)),
            ("entitled", models.PositiveIntegerField(default=0)),
            ("checker", columns.to(settings.AUTH_USER_MODEL, null=True)),
            ("instrument", columns.to("venues.instrument")),
            ("maker", columns.to(settings.AUTH_USER_MODEL, null=True)),
            ("organization", columns.organization()),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("status", "announced")),
                    fields=["record_date"],
                    name="action_due",
                ),
                models.Index(fields=["organization", "announced_at", "id"], name="action_list"),
            ],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("status", "withdrawn"), _negated=True),
                    fields=("organization", "instrument", "kind", "record_date"),
                    name="corporate_action_once",
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        ("checker", None),
                        ("maker", None),
                        models.Q(("checker", models.F("maker")), _negated=True),
                        _connector="OR",
                    ),
                    name="action_maker_is_not_checker",
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("status", "applied"), _negated=True),
                        ("maker", None),
                        ("checker__isnull", False),
                        _connector="OR",
                    ),
                    name="action_has_a_checker",
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("kind", "split"), ("ratio_new__gt", 0), ("ratio_old__gt", 0)),
                        models.Q(models.Q(("kind", "split"), _negated=True), ("rate__gte", 0)),
                        _connector="OR",
                    ),
                    name="action_has_its_terms",
                ),
                models.CheckConstraint(
                    condition=models.Q(("pay_date__gte", models.F("record_date"))),
                    name="action_pays_after_record",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="FxRate",
        fields=[
            ("id", columns.number()),
            ("organization", columns.to("firm.organization")),
            ("base", models.CharField(max_length=3)),
            ("quote", models.CharField(max_length=3)),
            ("rate", models.DecimalField(decimal_places=10, max_digits=20)),
            ("source", models.CharField(max_length=40)),
            ("at", models.DateTimeField()),
        ],
        options={
            "constraints": [
                models.CheckConstraint(
                    condition=models.Q(("rate__gt", 0)), name="fx_rate_positive"
                ),
                models.CheckConstraint(
                    condition=models.Q(("base", models.F("quote")), _negated=True),
                    name="fx_of_two_currencies",
                ),
                models.UniqueConstraint(
                    fields=("organization", "base", "quote", "at", "source"),
                    name="fx_rate_once",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="MarginCall",
        fields=[
            ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ("version", models.PositiveIntegerField(default=0)),
            ("currency", models.CharField(max_length=3)),
            ("opened_at", models.DateTimeField()),
            ("requirement", columns.money()),
            ("equity", columns.money()),
            ("met_at", models.DateTimeField(blank=True, null=True)),
            ("account", columns.to("allocations.account", constraint=False)),
            ("organization", columns.organization()),
        ],
        options={
            "indexes": [
                models.Index(fields=["organization", "opened_at", "id"], name="margin_list"),
            ],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("met_at", None)),
                    fields=("account",),
                    name="one_open_margin_call",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="MarginRate",
        fields=[
            ("id", columns.number()),
            ("asset_class", models.CharField(max_length=12)),
            ("percent", models.DecimalField(decimal_places=4, max_digits=7)),
            ("organization", columns.to("firm.organization", index=True)),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    fields=("organization", "asset_class"), name="margin_rate_once"
                ),
                models.CheckConstraint(
                    condition=models.Q(("percent__gt", 0), ("percent__lte", 100)),
                    name="margin_rate_sensible",
                ),
            ],
        },
    ),
]
