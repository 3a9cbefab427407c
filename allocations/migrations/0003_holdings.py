"""Positions, tax lots and cash."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("allocations", "0002_laws")]

    operations: list[migrations.operations.base.Operation] = []
