from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("controls", "0007_exact_numbers")]

    operations: list[migrations.operations.base.Operation] = []
