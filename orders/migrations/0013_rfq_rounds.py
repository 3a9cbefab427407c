"""Rounds of negotiation, and what a quote is to the introducing broker and to the user."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

STATUSES = ["asked", "accepted", "improved", "held", "worsened", "withdrawn", "lapsed"]
QUOTE = import_module("orders.migrations.0005_rfq").TERMS["orders_quote"]
ROUND = [
    "id",
    "organization_id",
    "rfq_id",
    "quote_id",
    "dealer_id",
    "number",
    "price",
    "street_price",
    "asked_by_id",
    "asked_at",
]


def _quote_keeps(names: list[str]) -> str:
    return f"DROP TRIGGER orders_quote_terms ON orders_quote; {laws.terms('orders_quote', names)}"


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0012_crossing"),
        ("venues", "0003_rfq"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField("quote", "ib_price", columns.price(null=True)),
        migrations.AddField("quote", "user_price", columns.price(null=True)),
        migrations.CreateModel(
            name="QuoteRound",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("number", models.PositiveSmallIntegerField()),
                ("price", columns.price()),
                ("street_price", columns.price()),
                ("asked_at", models.DateTimeField()),
                ("status", models.CharField(default="asked", max_length=10)),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("answer", columns.one("orders.quote", "answers", null=True)),
                ("asked_by", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
                ("dealer", columns.to("venues.dealer")),
                ("organization", columns.organization()),
                ("quote", columns.one("orders.quote", "asked_for")),
                ("rfq", columns.to("orders.rfq", "rounds", index=True)),
            ],
            options={
                "verbose_name": "negotiation round",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(status__in=STATUSES), name="round_status_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(price__gt=0) & Q(street_price__gt=0) & Q(number__gt=1),
                        name="round_terms",
                    ),
                ],
            },
        ),
        migrations.RunSQL(_quote_keeps([*QUOTE, "ib_price", "user_price"]), _quote_keeps(QUOTE)),
        migrations.RunSQL(laws.living("orders_quoteround", ROUND), migrations.RunSQL.noop),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
