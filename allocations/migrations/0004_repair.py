"""Reversals, rebooking and breaks."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("allocations", "0003_holdings")]

    operations: list[migrations.operations.base.Operation] = []
