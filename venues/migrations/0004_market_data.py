from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("venues", "0003_rfq")]

    operations: list[migrations.operations.base.Operation] = []
