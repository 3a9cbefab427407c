"""How many messages a second a venue takes from one session."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("venues", "0005_certification")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddField(
            "venue",
            "max_messages_per_s",
            models.PositiveIntegerField(default=0, help_text="0: as many as there are."),
        )
    ]
