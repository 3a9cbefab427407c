from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("controls", "0008_halt_scopes")]

    operations: list[migrations.operations.base.Operation] = []
