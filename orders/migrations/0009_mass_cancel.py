"""The key an order came in with, and mass cancels with one row per order."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from oms_site.journal import columns, laws

TERMS = [
    "id",
    "organization_id",
    "client_mass_cancel_id",
    "wanted",
    "reason",
    "requested_by_id",
    "requested_at",
    "orders",
    "leaves_qty",
    "notional",
]
# What became of one order is said once.
ONCE = """
CREATE TRIGGER orders_masscancelorder_once BEFORE UPDATE ON orders_masscancelorder
    FOR EACH ROW WHEN (OLD.outcome <> '') EXECUTE FUNCTION oms_refuse('it was asked once');
"""

KEY_IS_A_TERM = """
CREATE TRIGGER orders_order_api_key BEFORE UPDATE OF api_key_id ON orders_order
    FOR EACH ROW EXECUTE FUNCTION oms_refuse('its terms never change');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0008_replace"),
        ("firm", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "order",
            "api_key",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="firm.apikey",
            ),
        ),
        migrations.RunSQL(KEY_IS_A_TERM, "DROP TRIGGER orders_order_api_key ON orders_order"),
        migrations.CreateModel(
            name="MassCancel",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                (
                    "client_mass_cancel_id",
                    models.CharField(blank=True, max_length=80, null=True),
                ),
                ("wanted", models.JSONField()),
                ("reason", models.CharField(max_length=500)),
                ("requested_at", models.DateTimeField()),
                ("orders", models.PositiveIntegerField()),
                ("leaves_qty", models.DecimalField(decimal_places=6, max_digits=24)),
                ("notional", models.DecimalField(decimal_places=10, max_digits=34)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("organization", columns.organization()),
                ("requested_by", columns.to(settings.AUTH_USER_MODEL, constraint=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=~Q(client_mass_cancel_id=None),
                        fields=("organization", "client_mass_cancel_id"),
                        name="client_mass_cancel_id_for_ever",
                    ),
                    models.CheckConstraint(
                        condition=~Q(reason=""), name="mass_cancel_has_a_reason"
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=Q(done_at=None),
                        fields=["requested_at"],
                        name="mass_cancel_running",
                    ),
                    models.Index(fields=["organization", "requested_at"], name="mass_cancel_log"),
                ],
            },
        ),
        migrations.CreateModel(
            name="MassCancelOrder",
            fields=[
                ("id", columns.number()),
                ("outcome", models.CharField(blank=True, max_length=10)),
                ("cancel_request_id", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("mass_cancel", columns.to("orders.masscancel", "items")),
                ("order", columns.to("orders.order")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("mass_cancel", "order"), name="mass_cancel_order_once"
                    )
                ],
                "indexes": [
                    models.Index(
                        condition=Q(outcome=""),
                        fields=["mass_cancel", "id"],
                        name="mass_cancel_due",
                    )
                ],
            },
        ),
        migrations.RunSQL([*laws.living("orders_masscancel", TERMS), ONCE], migrations.RunSQL.noop),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
