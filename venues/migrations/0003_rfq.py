"""Quotes of dealers: who can be asked, and messages whose FIX type has two letters."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from oms_site.journal import columns, laws


class Migration(migrations.Migration):
    dependencies = [("venues", "0002_laws")]
    operations = [
        migrations.AlterField(
            model_name="outbound",
            name="kind",
            field=models.CharField(max_length=3),
        ),
        migrations.CreateModel(
            name="Dealer",
            fields=[
                ("id", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                (
                    "asset_classes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=12),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("active", "Active"), ("suspended", "Suspended")],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("venue", columns.to("venues.venue", "dealers", index=True)),
            ],
        ),
        migrations.RunSQL(
            [laws.reference("venues_dealer"), laws.kept("venues_dealer")],
            [
                "DROP TRIGGER venues_dealer_generation ON venues_dealer;",
                "DROP TRIGGER venues_dealer_kept ON venues_dealer;",
            ],
        ),
        # Inquiries and hits that no answer has named are asked about like orders.
    ]
