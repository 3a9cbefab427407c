from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("allocations", "0004_repair")]

    operations: list[migrations.operations.base.Operation] = []
