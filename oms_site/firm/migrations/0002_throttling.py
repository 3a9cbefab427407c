"""Rate tiers, restrictions of repeat offenders, and policies that change by version."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("firm", "0001_initial")]

    operations: list[migrations.operations.base.Operation] = []
