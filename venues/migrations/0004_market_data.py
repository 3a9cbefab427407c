"""Tops of books, what venues cost, and routing decisions with the quotes they saw."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import oms_site.firm.exact_json
from oms_site.journal import columns, laws

_CASCADE = django.db.models.deletion.CASCADE


def _part_of(to: str, name: str = "+") -> models.ForeignKey:
    return models.ForeignKey(db_index=False, on_delete=_CASCADE, related_name=name, to=to)


class Migration(migrations.Migration):
    dependencies = [
        ("venues", "0003_rfq"),
        ("firm", "0001_initial"),
        ("journal", "0002_laws"),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="TopOfBook",
            fields=[
                ("id", columns.number()),
                ("bid_px", columns.price(null=True)),
                ("bid_size", columns.qty(null=True)),
                ("ask_px", columns.price(null=True)),
                ("ask_size", columns.qty(null=True)),
                ("at", models.DateTimeField()),
                ("instrument", _part_of("venues.instrument", "tops_of_book")),
                ("venue", _part_of("venues.venue")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("instrument", "venue"), name="top_of_book_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="VenueProfile",
            fields=[
                (
                    "venue",
                    models.OneToOneField(
                        on_delete=_CASCADE,
                        primary_key=True,
                        related_name="profile",
                        serialize=False,
                        to="venues.venue",
                    ),
                ),
                ("taker_fee", models.DecimalField(decimal_places=6, default=0, max_digits=10)),
                ("maker_fee", models.DecimalField(decimal_places=6, default=0, max_digits=10)),
                (
                    "fill_probability",
                    models.DecimalField(decimal_places=3, default=1, max_digits=4),
                ),
                ("latency_ms", models.PositiveIntegerField(default=0)),
                ("is_dark", models.BooleanField(default=False)),
                ("dark_min_size", columns.qty(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(fill_probability__gte=0) & Q(fill_probability__lte=1),
                        name="fill_probability_is_a_probability",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RoutingDecision",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("subject", models.CharField(max_length=40)),
                ("kind", models.CharField(max_length=8)),
                ("qty", columns.qty()),
                ("limit_price", columns.price(null=True)),
                ("reason", models.CharField(max_length=1000)),
                ("slices", oms_site.firm.exact_json.ExactJSONField()),
                ("scores", oms_site.firm.exact_json.ExactJSONField()),
                ("quotes", oms_site.firm.exact_json.ExactJSONField()),
                ("decided_at", models.DateTimeField()),
                ("instrument", columns.to("venues.instrument")),
                ("organization", columns.organization()),
            ],
            options={
                "indexes": [models.Index(fields=["subject"], name="routing_decision_of")],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(kind__in=["route", "reroute"]), name="routing_kind_known"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            [laws.reference("venues_venueprofile"), *laws.append_only("venues_routingdecision")],
            migrations.RunSQL.noop,
        ),
    ]
