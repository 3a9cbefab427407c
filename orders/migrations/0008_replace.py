from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_triggers")]

    operations: list[migrations.operations.base.Operation] = []
