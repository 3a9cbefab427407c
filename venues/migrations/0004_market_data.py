"""Tops of books, what venues cost, and routing decisions with the quotes they saw."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import oms_site.firm.exact_json
from oms_site.journal import laws

PRICE = {"max_digits": 18, "decimal_places": 8}
QTY = {"max_digits": 20, "decimal_places": 6}


def _refers(to: str, on_delete: object, **given: object) -> models.ForeignKey:
    given = {"related_name": "+", "db_index": False, **given}
    return models.ForeignKey(on_delete=on_delete, to=to, **given)


_CASCADE, _PROTECT = django.db.models.deletion.CASCADE, django.db.models.deletion.PROTECT


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
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("bid_px", models.DecimalField(blank=True, null=True, **PRICE)),
                ("bid_size", models.DecimalField(blank=True, null=True, **QTY)),
                ("ask_px", models.DecimalField(blank=True, null=True, **PRICE)),
                ("ask_size", models.DecimalField(blank=True, null=True, **QTY)),
                ("at", models.DateTimeField()),
                (
                    "instrument",
                    _refers("venues.instrument", _CASCADE, related_name="tops_of_book"),
                ),
                ("venue", _refers("venues.venue", _CASCADE)),
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
                ("dark_min_size", models.DecimalField(default=0, **QTY)),
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
                ("qty", models.DecimalField(**QTY)),
                ("limit_price", models.DecimalField(blank=True, null=True, **PRICE)),
                ("reason", models.CharField(max_length=1000)),
                ("slices", oms_site.firm.exact_json.ExactJSONField()),
                ("scores", oms_site.firm.exact_json.ExactJSONField()),
                ("quotes", oms_site.firm.exact_json.ExactJSONField()),
                ("decided_at", models.DateTimeField()),
                ("instrument", _refers("venues.instrument", _PROTECT)),
                ("organization", _refers("firm.organization", _PROTECT, db_constraint=False)),
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
