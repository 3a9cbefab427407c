"""Executions by their trade date: the papers of a day read one stretch of a growing table."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0017_recovery")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddIndex(
            "execution",
            BrinIndex(autosummarize=True, fields=["trade_date"], name="executions_of_a_day"),
        ),
    ]
