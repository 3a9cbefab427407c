"""Requests for quotes: inquiries and quotes whose terms never change, and one winner each."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from oms_site.journal import columns, laws

TERMS = {
    "orders_rfq": [
        "id",
        "organization_id",
        "order_id",
        "execution_order_id",
        "venue_id",
        "client_rfq_id",
        "fingerprint",
        "list_id",
        "qty",
        "dealers",
        "bidding",
        "due_at",
        "expires_at",
        "criteria",
        "created_at",
    ],
    "orders_quote": [
        "id",
        "organization_id",
        "rfq_id",
        "dealer_id",
        "quote_ref",
        "round",
        "price",
        "qty",
        "valid_until",
        "quoted_at",
        "received_at",
    ],
}


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_exposure"),
        ("venues", "0003_rfq"),
        ("firm", "0001_initial"),
    ]
    operations = [
        migrations.CreateModel(
            name="Rfq",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("client_rfq_id", models.CharField(blank=True, max_length=80, null=True)),
                ("fingerprint", models.CharField(blank=True, max_length=64)),
                ("list_id", models.CharField(blank=True, max_length=40)),
                ("qty", columns.qty()),
                (
                    "dealers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), size=None
                    ),
                ),
                ("bidding", models.CharField(max_length=4)),
                ("due_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("criteria", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
                ("status", models.CharField(default="sent", max_length=12)),
                ("wake_at", models.DateTimeField(blank=True, null=True)),
                ("hits", models.PositiveSmallIntegerField(default=0)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("execution_order", columns.one("orders.executionorder", "rfq", null=True)),
                ("order", columns.to("orders.order", "rfqs", index=True)),
                ("organization", columns.organization()),
                ("venue", columns.to("venues.venue")),
            ],
            options={
                "verbose_name": "request for quotes",
                "verbose_name_plural": "requests for quotes",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("client_rfq_id", None), _negated=True),
                        fields=("organization", "client_rfq_id"),
                        name="client_rfq_id_for_ever",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "sent",
                                    "quoting",
                                    "executing",
                                    "executed",
                                    "expired",
                                    "canceled",
                                    "rejected",
                                    "no_quotes",
                                ],
                            )
                        ),
                        name="rfq_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("qty__gt", 0), ("expires_at__gt", models.F("created_at"))
                        ),
                        name="rfq_terms",
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["executing", "quoting", "sent"])),
                        fields=["wake_at"],
                        name="rfq_open",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Quote",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("quote_ref", models.CharField(blank=True, max_length=60)),
                ("round", models.PositiveSmallIntegerField(default=1)),
                ("price", columns.price(null=True)),
                ("qty", columns.qty(null=True)),
                ("valid_until", models.DateTimeField(blank=True, null=True)),
                ("quoted_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("status", models.CharField(default="active", max_length=10)),
                ("counter_price", columns.price(null=True)),
                ("rank", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("dealer", columns.to("venues.dealer")),
                ("organization", columns.organization()),
                ("venue_order", columns.to("orders.venueorder", "quotes", index=True, null=True)),
                ("rfq", columns.to("orders.rfq", "quotes")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["rfq", "id"], name="quotes_of_rfq"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["hit", "done"])),
                        fields=("rfq",),
                        name="one_winner_per_rfq",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("quote_ref", ""), _negated=True),
                        fields=("rfq", "quote_ref"),
                        name="quote_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "active",
                                    "hit",
                                    "done",
                                    "rejected",
                                    "passed",
                                    "countered",
                                    "replaced",
                                    "withdrawn",
                                    "expired",
                                    "canceled",
                                    "cover",
                                    "tied",
                                    "done_away",
                                ],
                            )
                        ),
                        name="quote_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status", "passed"),
                            models.Q(
                                ("price__gt", 0), ("qty__gt", 0), ("valid_until__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="quote_has_a_price",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [sql for table, terms in TERMS.items() for sql in laws.living(table, terms)],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
