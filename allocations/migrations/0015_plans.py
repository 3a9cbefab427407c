"""Indexes that what looks for work all the time seeks by."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("allocations", "0014_sleeves")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddIndex(
            model_name="allocation",
            index=models.Index(
                condition=Q(release="hand", released_at=None),
                fields=["organization", "created_at", "id"],
                name="allocation_held_by_hand",
            ),
        ),
        migrations.AddIndex(
            model_name="bookingleg",
            index=models.Index(
                condition=Q(status__in=["failed", "queued", "rejected", "sent"]),
                fields=["organization", "created_at", "id"],
                name="leg_open",
            ),
        ),
        migrations.AddIndex(
            model_name="bookingleg",
            index=BrinIndex(autosummarize=True, fields=["trade_date"], name="legs_of_a_day"),
        ),
        migrations.AddIndex(
            model_name="giveup",
            index=models.Index(
                condition=Q(status__in=["given", "requested", "turned_down"]),
                fields=["organization", "requested_at", "id"],
                name="give_up_waiting",
            ),
        ),
    ]
