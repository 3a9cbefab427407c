"""The words by which orders are found, beside the orders."""

from __future__ import annotations

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

from oms_site.journal import columns, laws


class Migration(migrations.Migration):
    dependencies = [("orders", "0026_short_sales_and_flattening")]

    operations = [
        migrations.CreateModel(
            name="OrderWords",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="orders.order",
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("organization", columns.organization()),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["words"], name="order_words"),
                    models.Index(
                        fields=["organization", "created_at", "order"], name="order_words_own"
                    ),
                ],
            },
        ),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
