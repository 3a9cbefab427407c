"""Indexes that what looks for work all the time seeks by."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("controls", "0013_overrides_say_all")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddIndex(
            model_name="halt",
            index=models.Index(
                condition=~Q(released_at=None),
                fields=["trigger", "released_at"],
                name="halt_given_back",
            ),
        ),
        migrations.AddIndex(
            model_name="halt",
            index=models.Index(
                condition=Q(status="released"),
                fields=["organization", "-released_at"],
                name="halt_released_log",
            ),
        ),
        migrations.AddIndex(
            model_name="screening",
            index=BrinIndex(autosummarize=True, fields=["screened_at"], name="screenings_of_a_day"),
        ),
        migrations.RemoveIndex(model_name="ordergroup", name="order_group_log"),
        migrations.AddIndex(
            model_name="ordergroup",
            index=models.Index(
                fields=["organization", "status", "-created_at", "-id"], name="order_group_log"
            ),
        ),
    ]
