from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("firm", "0002_throttling")]

    operations: list[migrations.operations.base.Operation] = []
