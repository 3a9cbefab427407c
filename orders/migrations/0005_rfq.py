"""Requests for quotes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_halts")]

    operations: list[migrations.operations.base.Operation] = []
