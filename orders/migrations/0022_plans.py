"""Indexes that what looks for work all the time seeks by."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("orders", "0021_halts_at_once")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddIndex(
            model_name="heldreport",
            index=models.Index(
                condition=Q(status="held"),
                fields=["organization", "requested_at", "id"],
                name="held_report_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=Q(account=None, allocation=None),
                fields=["organization", "created_at", "id"],
                name="order_for_nobody",
            ),
        ),
        migrations.RemoveIndex(model_name="reconciliation", name="latest_reconciliation"),
        migrations.AddIndex(
            model_name="reconciliation",
            index=models.Index(
                fields=["organization", "kind", "party", "-ended_at", "-id"],
                name="latest_reconciliation",
            ),
        ),
        migrations.AddIndex(
            model_name="reconciliation",
            index=models.Index(fields=["day", "phase"], name="reconciliation_of_a_day"),
        ),
    ]
